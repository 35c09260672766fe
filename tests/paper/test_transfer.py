from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from epsball.models.wrap import wrap
from epsball.paper import transfer
from epsball.paper.experiment import Verdict, verdict
from epsball.report.svg import inline
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.paper.figure import Figure
    from epsball.paper.transfer import Cell

NETWORKS = (transfer.LINEAR, "cnn-mnist", *(name for pair in transfer.SEEDS for name in pair), *transfer.HALVES)


def figure(value: float) -> Figure:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 1000}


def supporting() -> dict[str, Any]:
    cells = {
        source: {
            target: {
                "accuracy": figure(0.0 if source == target else 0.55),
                "error": figure(1.0 if source == target else 0.4),
                "noise": figure(0.02),
            }
            for target in NETWORKS
        }
        for source in NETWORKS
    }
    return {"cells": cells, "setting": "by hand"}


def fails(cells: dict[str, dict[str, Cell]], where: Callable[[str, str], bool]) -> None:
    for source, row in cells.items():
        for target, cell in row.items():
            if source != target and where(source, target):
                cell["error"] = figure(0.06)


def test_holds() -> None:
    checks = transfer.judge(supporting())
    assert len(checks) == len(transfer.GROUPS) + 1
    assert verdict(checks) is Verdict.HOLDS


@pytest.mark.parametrize("group", transfer.GROUPS)
def test_a_group_without_transfer_is_seen(group: str) -> None:
    measured = supporting()
    fails(measured["cells"], transfer.GROUPS[group][1])
    checks = transfer.judge(measured)
    assert checks[list(transfer.GROUPS).index(group)].holds is False
    assert verdict(checks) is not Verdict.HOLDS


def test_noise_that_does_as_much_harm_is_seen() -> None:
    measured = supporting()
    for row in measured["cells"].values():
        for cell in row.values():
            cell["noise"] = figure(0.39)
    assert verdict(transfer.judge(measured)) is Verdict.FAILS


def test_intervals_that_overlap_are_seen() -> None:
    measured = supporting()
    for row in measured["cells"].values():
        for cell in row.values():
            cell["error"] = {**cell["error"], "low": 0.01}
    checks = transfer.judge(measured)
    assert [check.holds for check in checks] == [True] * len(transfer.GROUPS) + [False]


def test_a_mean_that_the_images_do_not_bear_out_is_seen() -> None:
    measured = supporting()
    for row in measured["cells"].values():
        for cell in row.values():
            cell["error"] = {**cell["error"], "low": -3.6, "high": 4.4}
    checks = transfer.judge(measured)
    assert {check.holds for check in checks} == {False}
    assert "38.0 points more" in checks[0].measured


def test_pairs_that_share_their_images_do_not_narrow_the_interval_of_a_gain() -> None:
    cell: Cell = {"error": figure(0.4), "noise": figure(0.02)}
    found, alone = transfer.gain([cell, cell]), transfer.gain([cell])
    assert found["value"] == pytest.approx(0.38)
    assert found["high"] - found["low"] == pytest.approx(alone["high"] - alone["low"]) == pytest.approx(0.02 * 2**0.5)


def test_where_nothing_fools_its_source_nothing_is_decided() -> None:
    measured = supporting()
    for source, row in measured["cells"].items():
        for cell in row.values():
            if source in transfer.HALVES:
                cell["error"] = cell["noise"] = None
    checks = transfer.judge(measured)
    assert [check.holds for check in checks] == [True, True, True, True, None, True]
    for row in measured["cells"].values():
        for cell in row.values():
            cell["error"] = cell["noise"] = None
    assert {check.holds for check in transfer.judge(measured)} == {None}
    assert all(len(row) == len(table.columns) for table in transfer.tables(measured) for row in table.rows)
    assert len(transfer.pictures(measured)) == 2


def test_no_group_holds_a_network_with_itself() -> None:
    cells = supporting()["cells"]
    sizes = {group: len(transfer.pairs(cells, group)) for group in transfer.GROUPS}
    assert list(sizes.values()) == [56, 42, 14, 4, 2]


def test_tables_and_pictures() -> None:
    measured = supporting()
    tables = transfer.tables(measured)
    assert len(tables) == 3
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    pictures = transfer.pictures(measured)
    assert all(inline(picture.plot, "transfer", picture.caption).startswith("<svg") for picture in pictures)


class Blind(Affine):
    """It sees one pixel, and noise of ε does not reach its boundary."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = x.flatten(1)[:, :1]
        return torch.cat((bright, 0.2 - bright, bright - 1, bright - 1), 1)


def test_cells_count_what_fools_the_source_and_was_right_on_both() -> None:
    x, y = samples(40, wrong=8)
    models = {"one": wrap(Affine()), "twin": wrap(Affine()), "blind": wrap(Blind())}
    cells = transfer.row(models, "one", (x, y), seed=0)
    assert cells["one"]["error"]["value"] == 1.0
    assert cells["twin"] == cells["one"]
    assert cells["one"]["error"]["n"] <= 32
    zeros = int((y == 0).sum())
    assert cells["blind"]["accuracy"]["value"] == pytest.approx(zeros / 40)
    assert cells["blind"]["error"]["value"] == 0.0
    assert cells["blind"]["error"]["n"] < zeros + 1
