from __future__ import annotations

from typing import Any

import pytest

import epsball as eb
from epsball.geometry import linf
from epsball.paper.fgsm_table import BUDGETS, EXPERIMENT, _curve, _falls_through
from paper.counterfeit import changed, contradicts, supports
from toy import Affine, samples


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value, "high": value, "n": 100}


TRUE: dict[str, Any] = {
    "curves": {norm.name: [figure(0.97)] + [figure(0.3)] * (len(budgets) - 1) for norm, budgets in BUDGETS.items()},
    "eps": 0.08,
    "left": figure(0.289),
    "images": "none",
}


def test_a_result_like_the_papers_holds() -> None:
    supports(EXPERIMENT, TRUE)


@pytest.mark.parametrize(
    ("changes", "statement"),
    [
        ([("curves/linf/0", figure(0.9))], "clean accuracy"),
        ([("eps", 0.3)], "FGSM leaves 29 %"),
        ([("left", figure(0.4))], "FGSM leaves 29 %"),
    ],
)
def test_a_counterfeit_flips_the_verdict(changes: list[tuple[str, Any]], statement: str) -> None:
    contradicts(EXPERIMENT, changed(TRUE, changes), statement)


def test_accuracy_of_an_affine_model_falls_with_every_budget() -> None:
    model, test = eb.wrap(Affine()), samples()
    left = [point["value"] for point in _curve(model, test, linf)]
    assert left[0] == 0.9
    assert left == sorted(left, reverse=True)
    eps, reached = _falls_through(model, test)
    assert 0 < eps < 0.1
    assert reached["value"] <= 0.29
