"""PDPGD against its algorithm on one sample, and its shrinking against the definition of a prox."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import epsball as eb
from trajectories import NET, X, Y, equal, lead, points_of


def shrunk(v: Tensor, length: float, norm: str) -> Tensor:
    """argmin_u |u - v|²/2 + length |u|_p, each by its own formula."""
    if norm == "l2":
        return v.mul(max(0.0, 1 - length / float(v.norm())))
    if norm == "l1":
        return v.sign() * (v.abs() - length).relu()
    if norm == "l0":
        return torch.where(v.abs() > length, v, 0)
    level = sorted(v.abs().flatten().tolist(), reverse=True)
    if sum(level) <= length:
        return torch.zeros_like(v)
    cut = next(
        (sum(level[: k + 1]) - length) / (k + 1)
        for k in range(len(level))
        if k + 1 == len(level) or (sum(level[: k + 1]) - length) / (k + 1) >= level[k + 1]
    )
    return v.clamp(-cut, cut)


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize(("norm", "q"), [("linf", 1), ("l2", 2), ("l1", math.inf), ("l0", 2)])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 2.0)])
def test_pdpgd_follows_its_algorithm(norm: str, q: float, row: int, low: float, high: float) -> None:
    x0, y, steps = X[row : row + 1], int(Y[row]), 12
    x, weight, expected = x0, 0.5, [x0]
    for step in range(steps):
        expected.append(x)
        value, g = lead(x, y)
        weight *= math.exp((1 if value < 0 else -1) * 0.4 * (0.2 / 0.4) ** (step / (steps - 1)))
        length = (high - low) * 0.6 * (0.05 / 0.6) ** (step / (steps - 1))
        ahead = x - x0 - length * g / g.norm()
        share = 1.0 if norm == "l0" else torch.linalg.vector_norm(g, q).item() / g.norm().item()
        x = (x0 + shrunk(ahead, length * weight * share, norm)).clamp(low, high)
    attack = eb.PDPGD(steps=steps, first=0.6, last=0.05, weight=0.5, dual=0.4, last_dual=0.2)
    points = points_of(attack, row, eb.Threat(norm, low=low, high=high))
    equal(points, expected, 1e-6)


def test_both_sides_of_the_boundary_are_seen() -> None:
    for row in range(3):
        points = points_of(eb.PDPGD(steps=30), row, eb.Threat("l2"))
        assert {bool(NET(point).argmax() == Y[row]) for point in points} == {True, False}
