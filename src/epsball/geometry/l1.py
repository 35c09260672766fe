"""The sum of all coordinates: its maximiser spends the radius on the steepest coordinates, each up to its room in the box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.geometry.base import TINY, Bound, Draw, Norm, Radius, clip, per_row, rescaled, room, rows
from epsball.geometry.level import soft_threshold

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class L1(Norm):
    """|v| = sum_i |v_i|."""

    name = "l1"

    def __call__(self, v: Tensor) -> Tensor:
        return v.flatten(1).abs().sum(1)

    def dual(self, g: Tensor) -> Tensor:
        return g.flatten(1).abs().amax(1)

    def lmo(self, g: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        budget = per_row(radius, g).clamp_max(torch.finfo(g.dtype).max)
        return _spend(g, room(g, low, high), budget, price=torch.ones_like)

    def project(self, v: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        size, space = v.flatten(1).abs(), room(v, low, high).flatten(1)
        target = per_row(radius, v)
        threshold = soft_threshold(size, space, target)
        kept = (size - threshold[:, None]).clamp_min(0).minimum(space).minimum(target[:, None])
        return (v.flatten(1).sign() * kept).reshape(v.shape)

    def sample(
        self, like: Tensor, radius: Radius, draw: Draw, low: Bound = -math.inf, high: Bound = math.inf
    ) -> Tensor:
        n = like[0].numel()
        # n of n + 1 exponential spacings, divided by their sum, are uniform in the simplex
        u = draw.uniform(2 * n + 1).to(like.dtype)
        spacing, sign = -u[:, : n + 1].log(), (u[:, n + 1 :] - 0.5).sign()
        unit = (spacing[:, :n] / spacing.sum(1, keepdim=True) * sign).reshape(like.shape)
        return clip(unit * rows(radius, like), low, high)

    def to_hyperplane(self, w: Tensor, b: Tensor) -> Tensor:
        return rescaled(w, b, self.lmo, self.dual(w))

    def onto_hyperplane(self, w: Tensor, b: Tensor, low: Bound, high: Bound) -> Tensor:
        g = -rows(b.sign(), w) * w
        return _spend(g, room(g, low, high), b.abs(), price=lambda steepness: steepness)

    def rounding(self, n: int) -> float:
        return float(n)


def _spend(g: Tensor, space: Tensor, budget: Tensor, price: Callable[[Tensor], Tensor]) -> Tensor:
    """Fill the steepest coordinates first, each up to its space, until price times amount has used up the budget `(N,)`."""
    steepness, order = g.flatten(1).abs().sort(dim=1, descending=True, stable=True)
    unit = price(steepness).clamp_min(TINY)
    fraction = space.flatten(1).gather(1, order).minimum(budget[:, None] / unit).masked_fill(steepness == 0, 0)
    cost = fraction * unit
    spent = ((budget[:, None] - (cost.cumsum(1) - cost)) / unit).clamp_min(0).minimum(fraction)
    return (torch.zeros_like(spent).scatter(1, order, spent) * g.flatten(1).sign()).reshape(g.shape)


l1: L1 = L1()
"""Sum of absolute coordinates."""
