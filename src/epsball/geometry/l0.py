"""The number of coordinates that move at all. No norm in the strict sense: it has no dual, and every operator needs a finite box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from epsball.geometry.base import TINY, Bound, Draw, Norm, Radius, above_zero, clip, per_row, room, rows


@dataclass(frozen=True)
class L0(Norm):
    """|v| = number of i with v_i != 0, counted over all coordinates (a colour pixel has three)."""

    name = "l0"
    smallest_step: ClassVar[float] = 1.0

    def __call__(self, v: Tensor) -> Tensor:
        return (v.flatten(1) != 0).sum(1).to(v.dtype)

    def dual(self, g: Tensor) -> Tensor:
        raise _no_dual()

    def lmo(self, g: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        reach = room(g, low, high)
        gain = (g.abs() * reach).flatten(1)
        return (g.sign() * reach).flatten(1).mul(_largest(gain, radius)).reshape(g.shape)

    def project(self, v: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        kept = clip(v, low, high).flatten(1)
        saved = v.flatten(1) ** 2 - (v.flatten(1) - kept) ** 2
        return (kept * _largest(saved, radius)).reshape(v.shape)

    def sample(
        self, like: Tensor, radius: Radius, draw: Draw, low: Bound = -math.inf, high: Bound = math.inf
    ) -> Tensor:
        n = like[0].numel()
        u = draw.uniform(2 * n).to(like.dtype)
        chosen = _largest(u[:, n:], radius).to(like.dtype).reshape(like.shape)
        place = u[:, :n].reshape(like.shape)
        return (place * high + (1 - place) * low) * chosen

    def to_hyperplane(self, w: Tensor, b: Tensor) -> Tensor:
        raise _no_dual()

    def onto_hyperplane(self, w: Tensor, b: Tensor, low: Bound, high: Bound) -> Tensor:
        g = -rows(b.sign(), w) * w
        reach = room(g, low, high).flatten(1)
        gain, order = (g.flatten(1).abs() * reach).sort(dim=1, descending=True, stable=True)
        missing = (b.abs()[:, None] - (gain.cumsum(1) - gain)).clamp_min(0)
        fraction = (missing / gain.clamp_min(TINY)).clamp_max(1) * (gain > 0)
        moved = torch.zeros_like(reach).scatter(1, order, fraction * reach.gather(1, order))
        return (moved * g.flatten(1).sign()).reshape(g.shape)

    def rounding(self, n: int) -> float:
        return 0.0


def _largest(values: Tensor, radius: Radius) -> Tensor:
    """Return 1 at the `radius` largest entries of each row of `values` `(N, n)`, of equal ones the first, and 0 elsewhere."""
    budget = torch.as_tensor(radius, dtype=torch.float64).clamp(0, values.shape[1])
    most = int(budget.max()) if budget.numel() else 0
    count = per_row(budget, values).floor()[:, None]
    least = values.topk(max(1, most), dim=1).values.gather(1, (count.long() - 1).clamp_min(0))
    above = above_zero(values - least)
    equal = 1 - above - above_zero(least - values)
    return (above + equal * (equal.cumsum(1) <= count - above.sum(1, keepdim=True))) * (count > 0)


def _no_dual() -> TypeError:
    return TypeError(
        "l0 counts coordinates and has no closed step towards a hyperplane; use l2, linf or l1, or an attack with a boxed step"
    )


l0: L0 = L0()
"""Number of coordinates changed."""
