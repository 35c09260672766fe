"""What attacks that may fail find on an affine model of two classes, whose exact distances are known."""

from __future__ import annotations

import pytest
import torch

import epsball as eb
from epsball.geometry import NORMS
from epsball.testing.problems import Affine, problem

RATES: list[tuple[eb.Attack, str, float, float]] = [
    (eb.HopSkipJump(steps=9, directions=30), "linf", 1.25, 1.0),
    (eb.HopSkipJump(steps=5, directions=30), "l2", 1.25, 1.0),
    (eb.Square(steps=300), "linf", 2.0, 0.9),
    (eb.Square(steps=300), "l2", 2.0, 0.9),
    (eb.Square(steps=300), "l1", 3.0, 0.9),
]
"""An attack, a norm, a multiple of the exact distance, and the share of the samples in which an error is found within it."""


@pytest.mark.parametrize(("attack", "norm", "multiple", "rate"), RATES)
def test_errors_are_found_within_a_multiple_of_the_exact_distance(
    attack: eb.Attack, norm: str, multiple: float, rate: float
) -> None:
    model, x, y = problem(attack, Affine(classes=2), torch.device("cpu"), middle=True)
    exact = model.distance(x, y, NORMS[norm])
    found = attack(model, x, y, eb.Threat(norm) if attack.minimum_norm else eb.Threat(norm, multiple * exact))
    near = found.success & (found.distance <= multiple * exact)
    assert float(near.double().mean()) >= rate
