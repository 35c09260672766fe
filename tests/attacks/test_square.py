"""Square's steps against its algorithms written out for one image at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.randomness import Stream
from recording import Curved, Recorder

SHAPE = (2, 7, 9)
NET = Curved(math.prod(SHAPE))
X = 0.45 + 0.1 * torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
X[:, :, :2] = 0.0  # where the box cuts
Y = NET(X).argmax(1)
STEPS = 30


def margin(x: Tensor, label: Tensor) -> float:
    logits = NET(x[None])[0]
    others = torch.cat((logits[: int(label)], logits[int(label) + 1 :]))
    return float(logits[label] - others.max())


def side_of(step: int, least: int) -> int:
    halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]
    share = 0.8 * 0.5 ** len([h for h in halvings if step * 10_000 // STEPS > h])
    side = max(round((share * 63) ** 0.5), least)
    odd: int = side + 1 if least == 3 and side % 2 == 0 else side
    return min(odd, 7)


def coin(u: Tensor) -> int:
    return int(math.copysign(1, float(u) - 0.5))


def corner(u: Tensor, side: int) -> tuple[int, int]:
    return int(float(u[0]) * (8 - side)), int(float(u[1]) * (10 - side))


def hill(height: int, width: int, power: int, q: int) -> Tensor:
    bump = torch.zeros(height, width, dtype=torch.float64)
    for ring in range(max(height // 2, width // 2) + 1):
        top, left = height // 2 - ring, width // 2 - ring
        bump[max(top, 0) : top + 2 * ring + 1, max(left, 0) : left + 2 * ring + 1] += 1 / (ring + 1) ** power
    scaled: Tensor = bump / bump.norm(p=q)
    return scaled


def pair(side: int, q: int, *, upright: bool) -> Tensor:
    power = {2: 2, 1: 4}[q]
    both = torch.cat((hill(side // 2, side, power, q), -hill(side - side // 2, side, power, q)))
    both /= both.norm(p=q)
    return both if upright else both.T


def followed(norm: str, eps: float, attack: eb.Square, seed: int = 5) -> list[list[Tensor]]:
    """The points that each sample was asked about, the clean input first."""
    model = Recorder(NET)
    rows: list[list[Tensor]] = [[] for _ in X]
    for row in range(len(X)):
        model.points.clear()
        attack(model, X[row : row + 1], Y[row : row + 1], eb.Threat(norm, eps), seed=seed, ids=[row])
        rows[row] = [point[0] for point in model.points]
    return rows


def test_squares_of_the_limits_are_kept_while_they_lower_the_margin() -> None:
    eps = 0.02
    for row, points in enumerate(followed("linf", eps, eb.Square(steps=STEPS))):
        u = Stream(5, torch.tensor([row]), 0).uniform(18)[0].reshape(2, 9)
        sign = torch.tensor([[coin(v) for v in channel] for channel in u], dtype=torch.float64)
        best = (X[row] + eps * sign[:, None, :]).clamp(0, 1)
        torch.testing.assert_close(points[1], best, rtol=0, atol=1e-12)
        lowest = margin(best, Y[row])
        assert len(points) >= STEPS + 2  # no error is found
        for step, point in enumerate(points[2 : STEPS + 2]):
            side = side_of(step, 1)
            u = Stream(5, torch.tensor([row]), step + 1).uniform(4)[0]
            top, left = corner(u, side)
            tried = best.clone()
            for channel in range(2):
                window = (channel, slice(top, top + side), slice(left, left + side))
                tried[window] = (X[row][window] + eps * coin(u[2 + channel])).clamp(0, 1)
            torch.testing.assert_close(point, tried, rtol=0, atol=1e-12)
            if margin(tried, Y[row]) < lowest:
                best, lowest = tried, margin(tried, Y[row])


def turned(delta: Tensor, u: Tensor, side: int, eps: float, q: int) -> Tensor:
    """One step of algorithm 3: the length of window 2 goes into window 1."""
    (top, left), (top2, left2) = corner(u, side), corner(u[2:], side)
    union = torch.zeros(7, 9, dtype=torch.bool)
    union[top : top + side, left : left + side] = True
    union[top2 : top2 + side, left2 : left2 + side] = True
    spare = max(eps**q - float(delta.norm(p=q)) ** q, 0) / 2
    bump, made = pair(side, q, upright=bool(u[4] < 0.5)), delta.clone()
    for channel in range(2):
        length = (spare + float((delta[channel] * union).norm(p=q)) ** q) ** (1 / q)
        window = (slice(top, top + side), slice(left, left + side))
        old = delta[channel][window]
        new = bump * coin(u[5 + channel]) + old / max(float(old.norm(p=q)), 1e-30)
        made[channel, top2 : top2 + side, left2 : left2 + side] = 0
        made[channel][window] = new / new.norm(p=q) * length * (2 if q == 1 else 1)
    return made


@pytest.mark.parametrize(("norm", "q", "eps"), [("l2", 2, 0.15), ("l1", 1, 0.4)])
def test_bumps_are_kept_while_they_lower_the_margin(norm: str, q: int, eps: float) -> None:
    threat = eb.Threat(norm, eps)
    for row, points in enumerate(followed(norm, eps, eb.Square(steps=STEPS))):
        best = points[1]
        lowest = margin(best, Y[row])
        assert len(points) >= STEPS + 2  # no error is found
        for step, point in enumerate(points[2 : STEPS + 2]):
            u = Stream(5, torch.tensor([row]), step + 1).uniform(7)[0]
            delta = turned(best - X[row], u, side_of(step, 3), eps, q)
            if q == 2:
                tried = (X[row] + delta / delta.norm() * eps).clamp(0, 1)
            else:
                tried = threat.project((X[row] + delta)[None], X[row : row + 1])[0]
            torch.testing.assert_close(point, tried, rtol=0, atol=1e-10)
            if margin(tried, Y[row]) < lowest:
                best, lowest = tried, margin(tried, Y[row])


@pytest.mark.parametrize(("norm", "q"), [("l2", 2), ("l1", 1)])
def test_the_search_begins_with_bumps_side_byside(norm: str, q: int) -> None:
    x = torch.full((1, 2, 11, 10), 0.5, dtype=torch.float64)
    asked = Recorder(Curved(220))
    eb.Square(steps=1)(asked, x, asked(x).argmax(1), eb.Threat(norm, 0.1))
    made = asked.points[2] - x
    u = Stream(0, torch.tensor([0]), 0).uniform(25 * 3)[0]
    expected = torch.zeros(2, 10, 10, dtype=torch.float64)
    for tile in range(25):
        top, left = 2 * (tile // 5), 2 * (tile % 5)
        for channel in range(2):
            sign = coin(u[25 + 25 * channel + tile])
            expected[channel, top : top + 2, left : left + 2] = sign * pair(2, q, upright=bool(u[tile] < 0.5))
    if q == 2:
        torch.testing.assert_close(made[0, :, :10], 0.1 * expected / expected.norm(), rtol=0, atol=1e-12)
    else:
        assert bool((made[0, :, :10] * expected >= 0).all())
        assert made.abs().sum().item() == pytest.approx(0.1, rel=1e-9)
    assert bool((made[0, :, 10:] == 0).all())


def test_an_unscaled_schedule_goes_by_the_count_of_steps() -> None:
    assert eb.Square(steps=40, rescaled=False).side(39, 28, 28, 1) == 18
    assert eb.Square(steps=5000, rescaled=False).side(4999, 28, 28, 1) == 2
    assert eb.Square(steps=5000).side(4999, 28, 28, 1) == 1
    assert eb.Square(steps=5000).side(25, 28, 28, 3) == 19


def test_starting_points_take_the_place_of_stripes() -> None:
    asked = Recorder(NET)
    start = (X + 0.01).clamp(0, 1)
    eb.Square(steps=1)(asked, X, Y, eb.Threat("linf", 0.02), start=start)
    torch.testing.assert_close(asked.points[1], start, rtol=0, atol=1e-12)


def test_the_area_of_the_squares_is_halved_at_the_steps_of_the_paper() -> None:
    halved = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]
    attack = eb.Square(steps=10_000)
    for step in (0, *halved, *(after + 1 for after in halved), 9_999):
        share = 0.8 / 2 ** len([after for after in halved if step > after])
        assert attack.side(step, 4000, 4000, 1) == round(4000 * share**0.5)
