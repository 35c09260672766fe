"""Losses against values and gradients worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.losses import Loss, cross_entropy, dlr, margin, sharpened_cross_entropy

Z = torch.tensor([[4.0, 2.0, 1.0, 0.0]], dtype=torch.float64)


def graded(loss: Loss, z: Tensor, label: int, *, targeted: bool = False) -> tuple[float, list[float]]:
    leaf = z.clone().requires_grad_()
    value = loss(leaf, eb.Goal(torch.tensor([label]), targeted))
    return value.item(), torch.autograd.grad(value.sum(), leaf)[0][0].tolist()


@pytest.mark.parametrize(
    ("label", "targeted", "value", "slope"),
    [
        (0, False, -2 / 3, [-1 / 3 + 2 / 9, 1 / 3, -2 / 9, 0]),  # -(4 - 2) / (4 - 1)
        (2, False, 1.0, [1 / 3 - 1 / 3, 0, -1 / 3 + 1 / 3, 0]),  # -(1 - 4) / (4 - 1)
        (3, False, 4 / 3, [1 / 3 - 4 / 9, 0, 4 / 9, -1 / 3]),  # -(0 - 4) / (4 - 1)
        (2, True, -6 / 7, [-2 / 7 + 12 / 49, 0, 2 / 7 - 6 / 49, -6 / 49]),  # -(4 - 1) / (4 - (1 + 0) / 2)
        (0, True, 4 / 7, [2 / 7 - 8 / 49, -2 / 7, 4 / 49, 4 / 49]),  # -(2 - 4) / (4 - (1 + 0) / 2)
    ],
)
def test_dlr_divides_by_the_spread_of_ordered_logits(
    label: int,
    targeted: bool,  # noqa: FBT001 - parametrised
    value: float,
    slope: list[float],
) -> None:
    found, gradient = graded(dlr, Z, label, targeted=targeted)
    assert found == pytest.approx(value)
    assert gradient == pytest.approx(slope)


def test_dlr_with_fewer_classes_takes_the_last_there_is() -> None:
    three = Z[:, :3]
    assert graded(dlr, three, 0)[0] == pytest.approx(-2 / 3)
    assert graded(dlr, three, 1, targeted=True)[0] == pytest.approx(-2 / 3)  # -(4 - 2) / (4 - (1 + 1) / 2)
    value, slope = graded(dlr, Z[:, :2], 0)
    assert value == -1
    assert slope == [-0.5, 0.5]  # the divisor is a constant
    assert graded(dlr, Z[:, :2], 1, targeted=True) == (-1, [-0.5, 0.5])
    assert graded(dlr, torch.ones_like(Z), 0)[0] == 0


def test_a_margin_is_the_difference_of_two_logits() -> None:
    assert graded(margin, Z, 0) == (-2.0, [-1.0, 1.0, 0.0, 0.0])
    assert graded(margin, Z, 2) == (3.0, [1.0, 0.0, -1.0, 0.0])
    assert graded(margin, Z, 2, targeted=True) == (-3.0, [-1.0, 0.0, 1.0, 0.0])
    assert graded(margin, Z, 0, targeted=True) == (2.0, [1.0, -1.0, 0.0, 0.0])


def test_cross_entropy_has_the_value_of_the_textbook_and_the_slope_of_the_log_odds() -> None:
    p = Z.softmax(1)[0].tolist()
    rest = [value / (1 - p[0]) for value in p]
    value, slope = graded(cross_entropy, Z, 0)
    assert value == pytest.approx(-math.log(p[0]))
    assert slope == pytest.approx([-1, *rest[1:]])
    value, slope = graded(cross_entropy, Z, 0, targeted=True)
    assert value == pytest.approx(math.log(p[0]))
    assert slope == pytest.approx([1, *(-share for share in rest[1:])])


@pytest.mark.parametrize(
    ("logits", "heat"), [([4.0, 2.0, 1.0, 0.0], 1.0), ([2.5, 2.0, 1.0, 0.0], 0.5), ([1.75, 2.0, 1.0, 0.0], 0.25)]
)
def test_the_sharpened_cross_entropy_is_a_softmax_at_the_labels_lead(logits: list[float], heat: float) -> None:
    z = torch.tensor([logits], dtype=torch.float64)
    powers = [math.exp(value / heat) for value in logits[1:]]
    expected = heat * (math.log(sum(powers)) - logits[0] / heat)
    shares = [power / sum(powers) for power in powers]
    for targeted, sign in ((False, 1), (True, -1)):
        value, slope = graded(sharpened_cross_entropy, z, 0, targeted=targeted)
        assert value == pytest.approx(sign * expected)
        assert slope == pytest.approx([-sign, *(sign * share for share in shares)])


@pytest.mark.parametrize("loss", [sharpened_cross_entropy, margin])
def test_a_tie_is_finite_and_heads_for_the_class_that_ties_and_the_next(loss: Loss) -> None:
    value, slope = graded(loss, torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64), 0)
    assert value == 0
    assert slope == [-2.0, 1.0, 1.0]
    assert graded(loss, torch.tensor([[1.0, 1.0]], dtype=torch.float64), 0) == (0.0, [-1.0, 1.0])


def test_how_clear_a_decision_must_be_is_eight_roundings_of_the_largest_logit() -> None:
    logits = torch.tensor([[1.0, -2.0], [0.25, 0.5]])
    goal = eb.Goal(torch.tensor([0, 0]))
    assert goal.rounding(logits).tolist() == [16 * 2**-23, 4 * 2**-23]
    assert goal.rounding(logits.double()).tolist() == [16 * 2**-52, 4 * 2**-52]
