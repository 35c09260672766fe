from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.paper import precision
from epsball.paper.experiment import Verdict, verdict
from epsball.report.svg import inline
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.paper.figure import Figure


def figure(value: float) -> Figure:
    return {"value": value, "low": max(0.0, value - 0.01), "high": value + 0.01, "n": 1000}


def row(by: str, eps: str) -> dict[str, Any]:
    half = eps == precision.HALF
    rounded, moved = (0.0, 0) if half else (0.008, 1000)
    return {"by": by, "eps": eps, "real": figure(0.008), "rounded": figure(rounded), "moved": moved}


def supporting() -> dict[str, Any]:
    names = (*precision.ATTACKS, precision.RANDOM)
    rows = {name: [row(by, eps) for eps in precision.SIZES for by in names] for name, _ in precision.NETWORKS}
    networks = {name: {"clean": figure(0.9), "rows": own, "images": "by hand"} for name, own in rows.items()}
    return {"networks": networks, "setting": "by hand"}


def one(measured: dict[str, Any], by: str, eps: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        row for row in measured["networks"]["mlp-512"]["rows"] if (row["by"], row["eps"]) == (by, eps)
    )
    return found


def test_holds() -> None:
    checks = precision.judge(supporting())
    assert len(checks) == 3
    assert verdict(checks) is Verdict.HOLDS
    assert "mlp-512 8 of 1,000: 0.8 %" in checks[0].measured


def never_fooled(measured: dict[str, Any]) -> None:
    one(measured, "PGD", precision.BELOW)["real"] = figure(0.0)


def undone_by_rounding(measured: dict[str, Any]) -> None:
    one(measured, "PGD", precision.BELOW)["rounded"] = figure(0.0)


def half_a_step_survives(measured: dict[str, Any]) -> None:
    one(measured, precision.RANDOM, precision.HALF)["moved"] = 1


@pytest.mark.parametrize(
    ("counterfeit", "place"), [(never_fooled, 0), (undone_by_rounding, 1), (half_a_step_survives, 2)]
)
def test_a_counterfeit_is_seen(counterfeit: Callable[[dict[str, Any]], None], place: int) -> None:
    measured = supporting()
    counterfeit(measured)
    checks = precision.judge(measured)
    assert [check.holds for check in checks] == [i != place for i in range(len(checks))]
    assert verdict(checks) is Verdict.PARTLY


def test_drawn() -> None:
    measured = supporting()
    tables = precision.tables(measured)
    assert [len(table.rows) for table in tables] == [len(precision.SIZES) * 3] * len(precision.NETWORKS)
    assert all(len(cells) == len(table.columns) for table in tables for cells in table.rows)
    for picture in precision.pictures(measured):
        assert "<path" in inline(picture.plot, "precision", picture.caption)


def test_rounding_undoes_less_than_half_a_step_and_keeps_a_whole_one() -> None:
    grid = torch.arange(256).float() / 255
    assert torch.equal(precision.snap(grid), grid)
    inner = grid[1:-1]
    assert torch.equal(precision.snap(inner + 0.499 / 255), inner)
    assert torch.equal(precision.snap(inner - 0.499 / 255), inner)
    assert torch.equal(precision.snap(inner + 0.501 / 255), grid[2:])
    assert torch.equal(precision.snap(inner - 0.999 / 255), grid[:-2])


def test_images_at_a_boundary_fall_until_they_are_rounded() -> None:
    model, (x, _) = eb.wrap(Affine()), samples(200, wrong=0)
    x = precision.snap(x)
    found = eb.BinaryDeepFool()(model, x, model(x).argmax(1), eb.Threat("linf"))
    x = precision.snap(found.x)
    measured = precision._rows(model, (x, model(x).argmax(1)), 3, 0)  # noqa: SLF001 the measurement of one network
    assert measured["clean"]["value"] == 1
    rows = {(row["by"], row["eps"]): row for row in measured["rows"]}
    half, below = rows["PGD", precision.HALF], rows["PGD", precision.BELOW]
    assert half["real"]["value"] > 0
    assert half["rounded"]["value"] == half["moved"] == 0
    assert below["real"]["value"] >= half["real"]["value"]
    assert below["rounded"]["value"] > 0
    assert rows["FGSM", precision.STEP]["moved"] == len(x)
