"""What is run where a model gives no gradients, or only labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import torch.nn.functional as F

import epsball as eb
from contract.problems import SmallNet, digits
from epsball.errors import SuiteWarning
from epsball.evaluation.selection import stand_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

NET = SmallNet().eval()
BALL, ANYWHERE = eb.Threat("linf", 0.3), eb.Threat("linf")


def scores(x: Tensor) -> Tensor:
    with torch.no_grad():
        answer: Tensor = NET(x.reshape(-1, 1, 8, 8))
        return answer


def labels(x: Tensor) -> Tensor:
    return 5 * F.one_hot(scores(x).argmax(1), 5).float()


@pytest.mark.parametrize(
    ("model", "shape", "threat", "expected"),
    [
        (NET, (1, 8, 8), BALL, "standard"),
        (scores, (1, 8, 8), BALL, "blackbox"),
        (scores, (64,), BALL, "blackbox"),
        (scores, (64,), eb.Threat("l1", 1.0), "labels"),
        (labels, (64,), BALL, "labels"),
        (scores, (1, 8, 8), ANYWHERE, "labels"),
        (labels, (1, 8, 8), BALL, "labels"),
    ],
)
def test_what_stands_in_for_the_standard_suite(
    model: Callable[[Tensor], Tensor], shape: tuple[int, ...], threat: eb.Threat, expected: str
) -> None:
    x = digits(6, (1, 8, 8)).float().reshape(6, *shape)
    assert stand_in("standard", eb.wrap(model), (x, torch.zeros(6)), threat) == expected
    for other in ("autoattack", "blackbox", [eb.FGSM()]):
        assert stand_in(other, eb.wrap(model), (x, torch.zeros(6)), threat) is other


@pytest.mark.parametrize(("suite", "other"), [("quick", "blackbox"), ("Quick", "blackbox"), ("minimal", "labels")])
def test_what_stands_in_for_a_suite_asked_for_by_name_is_said(suite: str, other: str) -> None:
    x = digits(6, (1, 8, 8)).float()
    with pytest.warns(SuiteWarning, match=f"the model gives no gradients, .* '{other}' is run in its place"):
        run = eb.evaluate(scores, (x, scores(x).argmax(1)), BALL, suite=suite)
    assert run.plan.suite == other


@pytest.mark.parametrize("data", [None, (), ([[0.5]], [0]), (torch.zeros(0, 1, 8, 8), torch.zeros(0))])
def test_what_cannot_be_asked_is_left_to_the_checks_behind(data: object) -> None:
    assert stand_in("standard", eb.wrap(scores), data, BALL) == "standard"


def test_an_evaluation_without_gradients_asks_for_scores_and_says_so() -> None:
    x = digits(6, (1, 8, 8)).float()
    run = eb.evaluate(scores, (x, scores(x).argmax(1)), BALL)
    assert run.plan.suite == "blackbox"
    assert list(run.attacks) == ["noise", "square"]
    whole = eb.evaluate(NET, (x, scores(x).argmax(1)), BALL, suite=[eb.PGD()])
    assert run.robust_accuracy(0.3) <= whole.robust_accuracy(0.3) + 1 / 6


@pytest.mark.parametrize(
    ("norm", "model", "expected"),
    [
        ("linf", scores, ["noise", "nes"]),
        ("l0", scores, ["noise", "sparse-rs"]),
        ("l0", labels, ["noise", "pointwise"]),
    ],
)
def test_vectors_are_searched_too(norm: str, model: Callable[[Tensor], Tensor], expected: list[str]) -> None:
    x = digits(4, (64,)).float()
    run = eb.evaluate(model, (x, model(x).argmax(1)), eb.Threat(norm, {"linf": 0.3, "l0": 20.0}[norm]))
    assert list(run.attacks) == expected
