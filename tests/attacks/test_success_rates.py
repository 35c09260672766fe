"""What attacks that may fail find on an affine model of two classes, whose exact distances are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.geometry import NORMS
from epsball.testing.problems import Affine, problem

RATES: list[tuple[eb.Attack, str, float, float]] = [
    (eb.HopSkipJump(steps=9, directions=30), "linf", 1.25, 1.0),
    (eb.HopSkipJump(steps=5, directions=30), "l2", 1.25, 1.0),
    (eb.Boundary(steps=300), "l2", 2.0, 0.6),
    (eb.GeoDA(steps=3, directions=150, frequencies=1.0), "l2", 1.5, 0.9),
    (eb.GeoDA(steps=3, directions=150, frequencies=1.0), "linf", 1.5, 0.9),
    (eb.Pointwise(rounds=3), "l0", 3.0, 0.5),
    (eb.RayS(steps=200, tolerance=1e-5), "linf", 1.25, 0.9),
    (eb.SignOPT(steps=8, directions=40), "l2", 1.5, 0.9),
    (eb.SurFree(steps=60, frequencies=1.0), "l2", 1.5, 0.9),
    (eb.Bandits(steps=100, tiles=6), "linf", 1.5, 0.9),
    (eb.NES(steps=20, pairs=10), "linf", 1.5, 0.9),
    (eb.NES(steps=20, pairs=10), "l2", 1.5, 0.9),
    (eb.OnePixel(candidates=40, generations=15, pixels=12), "l0", 3.0, 0.5),
    (eb.SimBA(steps=100), "linf", 1.5, 0.9),
    (eb.SimBA(steps=100, length=0.03), "l2", 2.0, 0.8),
    (eb.SimBADct(steps=100, length=0.03, frequencies=1.0), "l2", 2.0, 0.8),
    (eb.SparseRS(steps=200), "l0", 1.5, 0.9),
    (eb.SPSA(steps=30, pairs=8), "linf", 1.5, 0.9),
    (eb.SPSA(steps=30, pairs=8), "l2", 2.0, 0.9),
    (eb.Square(steps=300), "linf", 2.0, 0.9),
    (eb.Square(steps=300), "l2", 2.0, 0.9),
    (eb.Square(steps=300), "l1", 3.0, 0.9),
]
"""An attack, a norm, a multiple of the exact distance, and the share of the samples in which an error is found within it."""


def fewest(model: Affine, x: Tensor, y: Tensor) -> Tensor:
    """How many features must change: the steepest, each as far as the box allows, until the other class is ahead."""
    with torch.no_grad():
        z, w = model(x), (model.weight[1] - model.weight[0]) * (1 - 2 * y[:, None])
        gain = torch.where(w > 0, w * (1 - x.flatten(1)), -w * x.flatten(1)).sort(1, descending=True).values
        gap = (z[:, 0] - z[:, 1]).abs()
        count: Tensor = 1 + (gain.cumsum(1) <= gap[:, None]).sum(1)
        return count


@pytest.mark.parametrize(("attack", "norm", "multiple", "rate"), RATES)
def test_errors_are_found_within_a_multiple_of_the_exact_distance(
    attack: eb.Attack, norm: str, multiple: float, rate: float
) -> None:
    model, x, y = problem(attack, Affine(classes=2), torch.device("cpu"), middle=True)
    exact = fewest(model, x, y) if norm == "l0" else model.distance(x, y, NORMS[norm])
    found = attack(model, x, y, eb.Threat(norm) if attack.minimum_norm else eb.Threat(norm, multiple * exact))
    near = found.success & (found.distance <= multiple * exact)
    assert float(near.double().mean()) >= rate
