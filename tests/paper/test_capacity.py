from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F

from epsball.attacks import PGD
from epsball.models.wrap import wrap
from epsball.paper import capacity
from epsball.paper.experiment import Verdict, verdict
from epsball.report.svg import inline
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.paper.figure import Figure

SCALES = (1, 2, 4, 8, 16)


def figure(value: float) -> Figure:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 1000}


def supporting() -> dict[str, Any]:
    def row(*cells: tuple[float, ...]) -> dict[str, dict[str, Figure]]:
        named = (dict(zip(("clean", "FGSM", "PGD", "value"), map(figure, cell), strict=True)) for cell in cells)
        return {str(scale): cell for scale, cell in zip(SCALES, named, strict=True)}

    networks = {
        "standard": row(*((0.98, 0.02, 0.0, 20.0),) * 5),
        "FGSM": row(*((0.97, 0.95, 0.02, 8.0),) * 5),
        "PGD": row(
            (0.7, 0.4, 0.2, 2.2),
            (0.8, 0.5, 0.4, 1.8),
            (0.9, 0.7, 0.6, 1.2),
            (0.95, 0.8, 0.7, 0.8),
            (0.97, 0.9, 0.85, 0.5),
        ),
    }
    sweep = [
        {"rate": 1e-3, "train": figure(0.80), "test": figure(0.75)},
        {"rate": 2e-3, "train": figure(0.85), "test": figure(0.75)},
        {"rate": 4e-3, "train": figure(0.90), "test": figure(0.70)},
    ]
    return {"setting": "by hand", "scales": list(SCALES), "networks": networks, "sweep": sweep}


def small_networks_lose_nothing(measured: dict[str, Any]) -> None:
    measured["networks"]["PGD"]["1"]["clean"] = figure(0.95)
    measured["networks"]["PGD"]["16"]["clean"] = figure(0.98)


def large_networks_lose_as_much(measured: dict[str, Any]) -> None:
    measured["networks"]["PGD"]["16"]["clean"] = figure(0.69)


def no_order(measured: dict[str, Any]) -> None:
    row = measured["networks"]["PGD"]
    row["2"]["value"], row["8"]["value"] = row["8"]["value"], row["2"]["value"]


def nothing_learns(measured: dict[str, Any]) -> None:
    for place, cell in enumerate(measured["networks"]["PGD"].values()):
        cell["value"] = figure(2.3 - 0.001 * place)


def no_leak(measured: dict[str, Any]) -> None:
    for cell in measured["networks"]["FGSM"].values():
        cell["PGD"] = figure(0.8)


def slow_ones_over_fit(measured: dict[str, Any]) -> None:
    measured["sweep"][0]["test"] = figure(0.5)


COUNTERFEITS = (
    small_networks_lose_nothing,
    large_networks_lose_as_much,
    no_order,
    nothing_learns,
    no_leak,
    slow_ones_over_fit,
)


def test_holds() -> None:
    checks = capacity.judge(supporting())
    assert len(checks) == len(COUNTERFEITS)
    assert verdict(checks) is Verdict.HOLDS


@pytest.mark.parametrize("counterfeit", COUNTERFEITS)
def test_a_counterfeit_is_seen(counterfeit: Callable[[dict[str, Any]], None]) -> None:
    measured = supporting()
    counterfeit(measured)
    checks = capacity.judge(measured)
    wrong = COUNTERFEITS.index(counterfeit)
    assert [check.holds for check in checks] == [place != wrong for place in range(len(checks))]
    assert verdict(checks) is Verdict.PARTLY


def test_a_difference_within_its_interval_is_none() -> None:
    measured = supporting()
    measured["sweep"][-1]["test"] = figure(0.84)
    assert capacity.judge(measured)[-1].holds is False


def test_rates_that_do_not_learn_are_not_compared() -> None:
    measured = supporting()
    for run in measured["sweep"][1:]:
        run["train"], run["test"] = figure(0.11), figure(0.11)
    assert capacity.judge(measured)[-1].holds is None


def test_tables_and_pictures() -> None:
    measured = supporting()
    tables = capacity.tables(measured)
    assert [len(table.rows) for table in tables] == [15, 3]
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    pictures = capacity.pictures(measured)
    assert all(inline(picture.plot, "capacity", picture.caption).startswith("<svg") for picture in pictures)


@pytest.mark.parametrize(
    ("values", "expected"), [((1, 2, 3, 4), 1), ((9, 5, 1), -1), ((1, 3, 2), 0.5), ((2, 1, 4, 3, 5), 0.8)]
)
def test_rank_correlation(values: tuple[float, ...], expected: float) -> None:
    assert capacity.rank_correlation(values) == pytest.approx(expected)


def test_networks_that_learnt_nothing_do_not_count_as_leaking() -> None:
    measured = supporting()
    for scale in ("1", "2", "4", "8"):  # a network that guesses loses all of nothing
        measured["networks"]["FGSM"][scale] |= {"clean": figure(0.1), "FGSM": figure(0.9), "PGD": figure(0.01)}
    measured["networks"]["FGSM"]["16"]["PGD"] = figure(0.9)
    assert capacity.judge(measured)[4].holds is False
    assert "scale 8" not in capacity.judge(measured)[4].measured
    measured["networks"]["FGSM"]["16"]["clean"] = figure(0.49)
    check = capacity.judge(measured)[4]
    assert check.holds is None
    assert "nothing to compare" in check.measured


def test_strength_of_an_affine_model() -> None:
    model, (x, y) = wrap(Affine()), samples(40, wrong=4)
    found = capacity.strength(model, (x, y), PGD(steps=5), seed=0)
    points = PGD(steps=5).maximise(model, x, y, capacity.THREAT, seed=0)
    with torch.no_grad():
        loss = F.cross_entropy(Affine()(points).double(), y)
    assert found["clean"]["value"] == pytest.approx(0.9)
    assert found["value"]["value"] == pytest.approx(loss.item(), rel=1e-5)
    assert found["PGD"]["value"] <= found["FGSM"]["value"] <= 0.9
    assert capacity.robust(model, (x, y), PGD(steps=5), seed=0) == found["PGD"]
