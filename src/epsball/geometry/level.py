"""The two one-dimensional equations behind the boxed operators, solved for all rows at once and exactly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from epsball.geometry.base import above_zero


def water_level(rate: Tensor, room: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Solve sum_i weight_i min(t rate_i, room_i) = target for the smallest t >= 0.

    The left side is increasing, concave and piecewise linear. Coordinates that reach their room never leave it as t grows, so the
    sequence "solve with the free coordinates, then mark those that are full" rises to the solution in finitely many steps.

    Args:
        rate: how fast each coordinate fills, `(N, n)`, >= 0.
        room: where it stops, `(N, n)`, >= 0, infinite allowed.
        target: the amount to reach, `(N,)`, >= 0.
        weight: what a unit of a coordinate counts, `(N, n)`, >= 0; 1 when left out.

    Returns:
        t `(N,)`; infinity where all room together is below the target.
    """
    most = torch.finfo(rate.dtype).max
    slope = rate if weight is None else rate * weight
    stock = (room if weight is None else room * weight).clamp_max(most)
    full = 1 - above_zero(stock)
    level, before = torch.zeros_like(target), None
    for _ in range(rate.shape[1] + 1):
        free = (slope * (1 - full)).sum(1)
        if before is not None and torch.equal(free, before):
            break
        left = target - (stock * full).sum(1)
        level = torch.where(free > 0, left / free, math.inf).maximum(level)
        full, before = above_zero(level.clamp_max(most)[:, None] * slope - stock), free
    return torch.where(target > 0, level, 0)


def filled(level: Tensor, rate: Tensor, room: Tensor) -> Tensor:
    """Return min(level rate, room), and 0 where the rate is 0 even for an infinite level; `(N, n)`."""
    return (level.clamp_max(torch.finfo(rate.dtype).max)[:, None] * rate).minimum(room)


def soft_threshold(size: Tensor, room: Tensor, target: Tensor) -> Tensor:
    """Solve sum_i clamp(size_i - t, 0, room_i) = target for t >= 0 by Newton's method inside a shrinking bracket.

    The left side decreases and is piecewise linear, so the step that lands in the right piece is exact. Rows that are already
    below their target get t = 0. What is returned always leaves the sum at or below the target, up to rounding.
    """
    low, high = torch.zeros_like(target), size.amax(1)
    at = low
    for _ in range(60):
        rest = size - at[:, None]
        amount = rest.clamp_min(0).minimum(room).sum(1)
        moving = (above_zero(rest) * above_zero(room - rest)).sum(1)
        over = amount > target
        low, high = torch.where(over, at, low), torch.where(over, high, at)
        newton = at + (amount - target) / moving.clamp_min(1)
        inside = (moving > 0) & (newton > low) & (newton < high)
        following = torch.where(inside, newton, (low + high) / 2)
        settled = (amount - target).abs() <= 4 * torch.finfo(size.dtype).eps * target
        following = torch.where(settled | (high <= low), at, following)
        if torch.equal(following, at):
            break
        at = following
    return at
