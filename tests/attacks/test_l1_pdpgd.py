"""PDPGD in l1 with a step for every entry, against its algorithm on one sample."""

from __future__ import annotations

import math

import pytest
import torch

import epsball as eb
from trajectories import X, Y, equal, lead, points_of


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 2.0)])
def test_l1_pdpgd_follows_its_algorithm(row: int, low: float, high: float) -> None:
    x0, y, steps = X[row : row + 1], int(Y[row]), 12
    x, weight, expected = x0, 0.5, [x0]
    mean, square = torch.zeros_like(x0), torch.zeros_like(x0)
    for step in range(steps):
        expected.append(x)
        value, g = lead(x, y)
        weight *= math.exp((1 if value < 0 else -1) * 0.4 * (0.2 / 0.4) ** (step / (steps - 1)))
        length = (high - low) * 0.06 * (0.005 / 0.06) ** (step / (steps - 1))
        g = -g / g.norm()
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
        size = (square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
        ahead = x - x0 + length * mean / (1 - 0.9 ** (step + 1)) / size
        less = length * weight * g.abs().max() / size
        x = (x0 + ahead.sign() * (ahead.abs() - less).relu()).clamp(low, high)
    attack = eb.L1PDPGD(steps=steps, first=0.06, last=0.005, weight=0.5, dual=0.4, last_dual=0.2)
    equal(points_of(attack, row, eb.Threat("l1", low=low, high=high)), expected, 1e-6)
