"""DDN and FMN against their algorithms on one sample, and the defects that projections of them have had elsewhere."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.geometry import NORMS
from trajectories import NET, X, Y, equal, lead, points_of

BOX = [(0.0, 1.0), (0.3, 0.7)]


def wave(step: int, steps: int, first: float, last: float) -> float:
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * step / steps))


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize(("low", "high"), BOX)
def test_ddn_follows_its_algorithm(row: int, low: float, high: float) -> None:
    x0, y, width = X[row : row + 1], int(Y[row]), high - low
    x, radius, expected = x0, 0.1 * width, [x0, x0]
    for step in range(12):
        value, _ = lead(x, y)
        moved = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(torch.nn.functional.cross_entropy(NET(moved), Y[row : row + 1]), moved)
        radius *= 0.9 if value < 0 else 1.1
        delta = x - x0 + wave(step, 12, 0.5, 0.02) * width * g / g.norm()
        x = (x0 + radius * delta / delta.norm()).clamp(low, high)
        expected.append(x)
    attack = eb.DDN(steps=12, radius=0.1, change=0.1, first=0.5, last=0.02)
    points = points_of(attack, row, eb.Threat("l2", low=low, high=high))
    equal(points, expected)
    assert {bool(NET(point).argmax() == y) for point in points} == {True, False}


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("name", ["linf", "l2", "l1", "l0"])
def test_fmn_follows_its_algorithm(name: str, row: int) -> None:
    norm, x0, y = NORMS[name], X[row : row + 1], int(Y[row])
    x, radius, best, expected = x0, 0.0, math.inf, [x0, x0]
    for step in range(15):
        value, g = lead(x, y)
        change, size = wave(step, 15, 0.05, 0.001), norm(x - x0).item()
        if value < 0:
            best = min(best, size)
            smaller = min(radius - 1, math.floor(radius * (1 - change))) if name == "l0" else radius * (1 - change)
            radius = min(smaller, best)
        elif name == "l0":
            radius = max(radius + 1, math.floor(radius * (1 + change)))
        elif math.isinf(best):
            radius = (1 + change) * (size + value.item() / norm.dual(g).item())
        else:
            radius *= 1 + change
        x = x0 + norm.project(x - wave(step, 15, 0.3, 0.01) * g / g.norm() - x0, radius, -x0, 1 - x0)
        expected.append(x)
    points = points_of(eb.FMN(steps=15, first=0.3), row, eb.Threat(name))
    equal(points, expected, 1e-8)
    assert {bool(NET(point).argmax() == y) for point in points} == {True, False}


@pytest.mark.parametrize("name", ["linf", "l2", "l1"])
def test_fmn_from_a_success_begins_with_a_smaller_ball(name: str) -> None:
    far = eb.PGD()(NET, X, Y, eb.Threat(name, {"linf": 0.3, "l2": 0.7, "l1": 1.7}[name]))
    row = int(far.success.nonzero()[0])
    points = points_of(eb.FMN(), row, eb.Threat(name), start=far.x)
    torch.testing.assert_close(points[1], far.x[row : row + 1])
    size = NORMS[name](points[2] - X[row : row + 1])
    assert size.item() == pytest.approx(0.95 * far.distance[row].item(), rel=1e-6)


def plane(x: Tensor) -> Tensor:
    """Class 0 by a sum that is 0.03 above the boundary at the grey input."""
    ahead = (x - 0.5).sum(1) + 0.03
    return torch.stack((ahead, -ahead), 1)


@pytest.mark.parametrize(("name", "distance"), [("linf", 0.03 / 9), ("l2", 0.01), ("l1", 0.03), ("l0", 1)])
def test_fmn_neither_enlarges_a_small_move_nor_keeps_a_feature_too_many(name: str, distance: float) -> None:
    x = torch.full((1, 9), 0.5, dtype=torch.float64)
    found = eb.FMN(steps=40)(plane, x, torch.tensor([0]), eb.Threat(name))
    assert found.distance.item() == pytest.approx(distance, rel=2e-3)


@pytest.mark.parametrize("levels", [16, 256])
@pytest.mark.parametrize("name", ["linf", "l1"])
def test_fmn_reaches_errors_between_coarse_levels(name: str, levels: int) -> None:
    x = ((levels - 1) * X).round() / (levels - 1)
    found = eb.FMN()(NET, x, NET(x).argmax(1), eb.Threat(name, levels=levels))
    walked = eb.DeepFool()(NET, x, NET(x).argmax(1), eb.Threat(name, levels=levels))
    assert bool((found.distance <= 1.5 * walked.distance + 1e-9).all())
