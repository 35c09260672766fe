"""The number of coordinates that move at all. No norm in the strict sense: it has no dual, and every operator needs a finite box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from epsball.geometry.base import TINY, Bound, Draw, Norm, Radius, clip, per_row, room, rows


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
        reach = room(g, low, high) * (g != 0)
        gain = (g.abs() * reach).flatten(1)
        best = _rank(gain) <= per_row(radius, g)[:, None]
        return (g.sign() * reach).flatten(1).mul(best).reshape(g.shape)

    def project(self, v: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        kept = clip(v, low, high).flatten(1)
        saved = v.flatten(1) ** 2 - (v.flatten(1) - kept) ** 2
        best = _rank(saved) <= per_row(radius, v)[:, None]
        return (kept * best).reshape(v.shape)

    def sample(
        self, like: Tensor, radius: Radius, draw: Draw, low: Bound = -math.inf, high: Bound = math.inf
    ) -> Tensor:
        n = like[0].numel()
        u = draw.uniform(2 * n).to(like.dtype)
        chosen = (_rank(u[:, n:]) <= per_row(radius, like)[:, None]).reshape(like.shape)
        place = u[:, :n].reshape(like.shape)
        return (place * high + (1 - place) * low) * chosen

    def to_hyperplane(self, w: Tensor, b: Tensor) -> Tensor:
        raise _no_dual()

    def onto_hyperplane(self, w: Tensor, b: Tensor, low: Bound, high: Bound) -> Tensor:
        g = -rows(b.sign(), w) * w
        reach = (room(g, low, high) * (g != 0)).flatten(1)
        gain, order = (g.flatten(1).abs() * reach).sort(dim=1, descending=True, stable=True)
        missing = (b.abs()[:, None] - (gain.cumsum(1) - gain)).clamp_min(0)
        fraction = (missing / gain.clamp_min(TINY)).clamp_max(1) * (gain > 0)
        moved = torch.zeros_like(reach).scatter(1, order, fraction * reach.gather(1, order))
        return (moved * g.flatten(1).sign()).reshape(g.shape)

    def rounding(self, n: int) -> float:
        return 0.0


def _rank(values: Tensor) -> Tensor:
    """Return the place of every entry in its row, 1 for the largest, `(N, n)`."""
    order = values.argsort(dim=1, descending=True, stable=True)
    places = torch.arange(1, values.shape[1] + 1, device=values.device).expand_as(order)
    return torch.empty_like(order).scatter(1, order, places)


def _no_dual() -> TypeError:
    return TypeError(
        "l0 counts coordinates and has no closed step towards a hyperplane; use l2, linf or l1, or an attack with a boxed step"
    )


l0: L0 = L0()
"""Number of coordinates changed."""
