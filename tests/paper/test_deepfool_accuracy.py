from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.paper import deepfool_accuracy
from epsball.paper.deepfool_accuracy import STEPS, after_steps
from epsball.paper.experiment import Verdict, verdict
from epsball.paper.spaces import centred
from epsball.report.svg import inline
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.paper.figure import Figure


def figure(value: float) -> Figure:
    return {"value": value, "low": max(0.0, value - 0.005), "high": value + 0.005, "n": 10_000}


def supporting() -> dict[str, Any]:
    rows = [
        {"steps": steps, "kept": figure(max(0.0, 1 - steps / 8)), "true": figure(0.011), "mended": figure(0.4)}
        for steps in STEPS
    ]
    sizes = {"iterations": figure(4.0), "rho": figure(0.1), "rho_centred": figure(0.12)}
    return {"clean": figure(0.975), "rows": rows, **sizes, "setting": "by hand"}


def test_holds() -> None:
    checks = deepfool_accuracy.judge(supporting())
    assert len(checks) == 3
    assert verdict(checks) is Verdict.HOLDS
    assert "wrong before" in checks[2].measured


def poor(measured: dict[str, Any]) -> None:
    measured["clean"] = figure(0.9)


def stubborn(measured: dict[str, Any]) -> None:
    measured["rows"][-1]["kept"] = figure(0.02)


def mended(measured: dict[str, Any]) -> None:
    measured["rows"][-1]["true"] = figure(0.04)


def none_right(measured: dict[str, Any]) -> None:
    measured["rows"][-1]["true"] = figure(0.0)


@pytest.mark.parametrize(("counterfeit", "place"), [(poor, 0), (stubborn, 1), (mended, 2), (none_right, 2)])
def test_a_counterfeit_is_seen(counterfeit: Callable[[dict[str, Any]], None], place: int) -> None:
    measured = supporting()
    counterfeit(measured)
    checks = deepfool_accuracy.judge(measured)
    assert [check.holds for check in checks] == [i != place for i in range(len(checks))]
    assert verdict(checks) is Verdict.PARTLY


def test_drawn() -> None:
    measured = supporting()
    tables = deepfool_accuracy.tables(measured)
    assert all(len(cells) == len(table.columns) for table in tables for cells in table.rows)
    assert "from step 8 on" in tables[0].caption
    measured["rows"] = [{**row, "kept": figure(0.5)} for row in measured["rows"]]
    assert "to the end" in deepfool_accuracy.tables(measured)[0].caption
    for picture in deepfool_accuracy.pictures(measured):
        assert "<path" in inline(picture.plot, "deepfool-accuracy", picture.caption)


def test_both_counts_by_hand() -> None:
    predicted, after, y = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 0, 1]), torch.tensor([0, 1, 0, 3])
    taken = torch.tensor([1.0, 2.0, 2.0, torch.inf])  # the third image was wrong and is mended by its second step
    rows = {row["steps"]: row for row in after_steps(taken, torch.stack([predicted, after, y]))}
    assert rows[1]["kept"]["value"] == pytest.approx(2 / 3)
    assert rows[1]["true"]["value"] == 0.5
    assert rows[1]["mended"] is not None
    assert rows[1]["mended"]["value"] == 0
    assert rows[50]["kept"]["value"] == pytest.approx(1 / 3)
    assert rows[50]["true"]["value"] == 0.5
    assert rows[50]["mended"] is not None
    assert rows[50]["mended"]["value"] == 1


def test_the_counts_after_some_steps_are_those_of_an_attack_that_stops_there() -> None:
    torch.manual_seed(0)
    model = eb.wrap(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 40), torch.nn.Tanh(), torch.nn.Linear(40, 4))
    )
    x, y = samples(80)
    y = model(x).argmax(1)
    y[:5] = (y[:5] + 1) % 4
    measured = deepfool_accuracy._deepfool(model, (x, y), centred(x))  # noqa: SLF001 the measurement itself
    assert measured["clean"]["value"] == 1 - 5 / 80
    for row in measured["rows"][:4]:
        attack = eb.DeepFool(steps=row["steps"], halvings=0, screen=float("inf"))
        before = model(x).argmax(1)
        now = model(attack(model, x, before, eb.Threat("l2")).x).argmax(1)
        assert row["kept"]["value"] == (now == before)[before == y].double().mean().item()
        assert row["true"]["value"] == (now == y).double().mean().item()


def test_an_affine_classifier_falls_at_the_first_step() -> None:
    x, y = samples(40, wrong=4)
    measured = deepfool_accuracy._deepfool(eb.wrap(Affine()), (x, y), centred(x))  # noqa: SLF001 as above
    assert measured["iterations"]["value"] == 1
    assert measured["rows"][0]["kept"]["value"] == 0
    step = eb.DeepFool(halvings=0, screen=float("inf"))(eb.wrap(Affine()), x, y, eb.Threat("l2")).x - x
    expected = step[4:].flatten(1).norm(dim=1) / (x - x.mean(0))[4:].flatten(1).norm(dim=1)
    assert measured["rho_centred"]["value"] == pytest.approx(expected.mean().item(), rel=1e-5)


def test_without_a_wrong_or_a_fooled_image_there_is_still_a_result() -> None:
    x, y = samples(40, wrong=0)[0], torch.zeros(40, dtype=torch.int64)
    model = eb.wrap(lambda x: x.flatten(1)[:, :3] * 0 + torch.tensor([5.0, 0, 0]))
    measured = deepfool_accuracy._deepfool(model, (x, y), centred(x)) | {"setting": "by hand"}  # noqa: SLF001 as above
    assert measured["rows"][0]["mended"] is measured["rho"] is measured["rho_centred"] is None
    assert [check.holds for check in deepfool_accuracy.judge(measured)] == [True, False, False]
    assert deepfool_accuracy.tables(measured)[1].rows[0][1] == "–"
