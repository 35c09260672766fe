from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.paper import binary
from epsball.paper.experiment import Verdict, verdict
from epsball.report.svg import inline
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.paper.figure import Figure


def figure(value: float) -> Figure:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 2000}


def run(iterations: float, most: int) -> dict[str, Any]:
    return {"fooled": figure(1.0), "iterations": figure(iterations), "most": most, "distance": figure(1.9)}


def supporting() -> dict[str, Any]:
    affine = {
        "error": figure(0.016),
        "FGSM": figure(0.99),
        "exact": figure(1.9),
        "runs": {box: run(1.0, 1) for box in binary.BOXES},
        "off": 0.001,
        "ratios": {box: [1.0, 1.001, 1.2] for box in binary.BOXES},
    }
    network = {
        "error": figure(0.005),
        "runs": {f"{box}, {name}": run(2.1, 4) for box in binary.BOXES for name in binary.ALGORITHMS},
        "alike": {box: figure(1.0) for box in binary.BOXES},
    }
    return {"affine": affine, "network": network, "setting": "by hand"}


def test_holds() -> None:
    checks = binary.judge(supporting())
    assert len(checks) == 4
    assert verdict(checks) is Verdict.HOLDS


def far_off(measured: dict[str, Any]) -> None:
    measured["affine"]["off"] = 0.02


def not_fooled(measured: dict[str, Any]) -> None:
    measured["affine"]["runs"][binary.FREE]["fooled"] = figure(0.99)


def two_steps(measured: dict[str, Any]) -> None:
    measured["affine"]["runs"][binary.FREE]["most"] = 2


def slow(measured: dict[str, Any]) -> None:
    measured["network"]["runs"][f"{binary.FREE}, Algorithm 1"]["iterations"] = figure(3.1)


def stuck(measured: dict[str, Any]) -> None:
    measured["network"]["runs"][f"{binary.FREE}, Algorithm 1"]["fooled"] = figure(0.9)


def unlike(measured: dict[str, Any]) -> None:
    measured["network"]["alike"]["pixels in [0, 1]"] = figure(0.9)


@pytest.mark.parametrize(
    ("counterfeit", "place"), [(far_off, 0), (not_fooled, 0), (two_steps, 1), (slow, 2), (stuck, 2), (unlike, 3)]
)
def test_a_counterfeit_is_seen(counterfeit: Callable[[dict[str, Any]], None], place: int) -> None:
    measured = supporting()
    counterfeit(measured)
    checks = binary.judge(measured)
    assert [check.holds for check in checks] == [i != place for i in range(len(checks))]
    assert verdict(checks) is Verdict.PARTLY


def test_drawn() -> None:
    measured = supporting()
    for table in binary.tables(measured):
        assert all(len(cells) == len(table.columns) for cells in table.rows)
    for picture in binary.pictures(measured):
        assert "<path" in inline(picture.plot, "binary", picture.caption)


def test_two_digits_become_two_labels() -> None:
    x, y = binary.of_digits((torch.arange(6.0)[:, None], torch.tensor([3, 1, 7, 7, 0, 3])))
    assert x.flatten().tolist() == [0, 2, 3, 5]
    assert y.tolist() == [0, 1, 1, 0]


def affine() -> eb.Model:
    layer = torch.nn.Linear(16, 2)
    with torch.no_grad():
        layer.weight[:] = torch.stack([torch.zeros(16), torch.full((16,), 0.5)])
        layer.bias[:] = torch.tensor([0.0, -4.0])
    return eb.wrap(torch.nn.Sequential(torch.nn.Flatten(), layer))


def test_the_closed_form_by_hand() -> None:
    x = torch.full((1, 1, 4, 4), 0.75)
    assert binary.closed_form(affine(), x).item() == pytest.approx((16 * 0.5 * 0.75 - 4) / (4 * 0.5))
    with pytest.raises(eb.InputError, match="two classes"):
        binary.closed_form(eb.wrap(Affine()), x)


def test_an_affine_classifier_gives_the_closed_form_in_one_step() -> None:
    model, (x, _) = affine(), samples(40, wrong=0)
    measured = binary._affine(model, (x, model(x).argmax(1)))  # noqa: SLF001 the measurement itself
    assert measured["off"] <= binary.SAME
    assert measured["runs"][binary.FREE]["most"] == 1
    assert measured["runs"][binary.FREE]["distance"]["value"] == pytest.approx(measured["exact"]["value"], rel=0.01)


def test_both_algorithms_agree_on_two_classes() -> None:
    torch.manual_seed(0)
    layers = (torch.nn.Flatten(), torch.nn.Linear(16, 40), torch.nn.ReLU(), torch.nn.Linear(40, 2))
    model, (x, _) = eb.wrap(torch.nn.Sequential(*layers)), samples(40, wrong=0)
    measured = binary._network(model, (x, model(x).argmax(1)))  # noqa: SLF001 as above
    assert measured["alike"][binary.FREE]["value"] == 1
