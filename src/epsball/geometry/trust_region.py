"""The step along a linearised boundary that comes as near to the input as a trust region allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch

from epsball.geometry import l2
from epsball.geometry.base import TINY

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from epsball.geometry.base import Norm

Pull: TypeAlias = "Callable[[Tensor, Tensor, Tensor], Tensor]"
"""From points v `(n, d)` towards points u `(n, d)` with a strength `(n, 1)`, to points `(n, d)`."""

_PULLS = 6
"""Halvings of the logarithm of the pull's strength; what is between the last two is a straight line."""
_WIDER, _CUTS = 4, 12
"""Fourfold widenings and cuts of the interval that the shift along the normal lies in."""
_EXACT = 1e-4
"""Fraction of the radius by which the boundary may be missed before the last, straight, step onto it."""


@dataclass(frozen=True)
class TrustRegion:
    """Where a step d may lead: low <= d <= high, <b, d> = c, |d|_2 <= radius.

    Args:
        b: the boundary's normal, of length 1, `(n, d)`.
        c: how far away the boundary is along it, `(n,)`.
        low: least d, `(n, d)`.
        high: largest d, `(n, d)`.
        radius: `(n,)`.
    """

    b: Tensor
    c: Tensor
    low: Tensor
    high: Tensor
    radius: Tensor

    def __getitem__(self, which: Tensor) -> TrustRegion:
        return TrustRegion(self.b[which], self.c[which], self.low[which], self.high[which], self.radius[which])

    def nearest(self, norm: Norm, u: Tensor) -> Tensor:
        """Return argmin |u - d| over the region, `(n, d)`; where it is empty, as far towards the boundary as the radius allows.

        The minimiser is clip(ν b pulled towards u), where the pull is the proximal step of |u - ·| from ν b: a share of the way in
        l2, as far in every coordinate in l1, all the way where it is short in l0, as far as the largest distance from u asks for in
        linf. ν puts it on the boundary, the strength of the pull onto the sphere of the trust region. Where the pull may be as
        strong as one likes, it is the norm's own projection of the input onto the boundary. The problem is that of Brendel et al.
        2019, arXiv:1907.01003, eq. 3; its Lagrangian divided by the multiplier of the radius gives this form.
        """
        straight = l2.onto_hyperplane(self.b, -self.c, self.low, self.high)
        end = u + norm.onto_hyperplane(self.b, (self.b * u).sum(1) - self.c, self.low - u, self.high - u)
        size = l2(straight)
        short = straight * (self.radius / size.clamp_min(TINY)).clamp_max(1)[:, None]
        d = torch.where((size < self.radius)[:, None], end, short)
        cut = (size < self.radius) & (l2(end) > self.radius)
        if bool(cut.any()):
            d[cut] = self[cut]._pulled(norm, u[cut], straight[cut], end[cut])  # noqa: SLF001 (its own)
        return d

    def _pulled(self, norm: Norm, u: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
        """The point of the sphere between points of the boundary inside and outside of it."""
        pull = _PULL[norm.name]
        most = 2 * self.radius
        if norm.name == "linf":
            most = most.minimum(norm(u) - norm(u - outside)).clamp_min(TINY)
        low, high = (self.radius / u.shape[1]).minimum(most).log(), most.log()
        for _ in range(_PULLS):
            middle = (low + high) / 2
            d, met = self._on_boundary(pull, u, middle.exp())
            less = (l2(d) <= self.radius) & met
            low, high = torch.where(less, middle, low), torch.where(less, high, middle)
            inside = torch.where(less[:, None], d, inside)
            outside = torch.where((less | ~met)[:, None], outside, d)
        return _at_length(inside, outside, self.radius)

    def _on_boundary(self, pull: Pull, u: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
        """The pulled point whose ν puts it on the boundary, `(n, d)`, and whether there is one, `(n,)`."""

        def at(nu: Tensor) -> tuple[Tensor, Tensor]:
            d = pull(nu[:, None] * self.b, u, strength[:, None]).clamp(self.low, self.high)
            return d, (d * self.b).sum(1) - self.c

        reach = self.c.abs() + strength * math.sqrt(u.shape[1])
        low, high = crossing(lambda nu: at(nu)[1], -reach, reach, _EXACT * self.radius)
        (under, least), (over, most) = at(low), at(high)
        share = (-least / (most - least).clamp_min(TINY)).clamp(0, 1)
        return under + share[:, None] * (over - under), (least <= 0) & (most >= 0)


def crossing(value: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, enough: Tensor) -> tuple[Tensor, Tensor]:
    """Return two numbers each, `(n,)`, between which a function that does not fall, `(n,)` to `(n,)`, passes 0.

    The interval given is widened on both sides where it is too narrow, and then cut by the Illinois rule until all values are as
    near to 0 as `enough` `(n,)`: Dowell and Jarratt 1971, doi:10.1007/BF01934364.
    """
    least, most = value(low), value(high)
    for _ in range(_WIDER):
        if bool(((least <= 0) & (most >= 0)).all()):
            break
        low, high = torch.where(least > 0, 4 * low, low), torch.where(most < 0, 4 * high, high)
        least, most = value(low), value(high)
    near, side = torch.zeros_like(low, dtype=torch.bool), torch.zeros_like(low)
    for _ in range(_CUTS):
        middle = low - least / (most - least).clamp_min(TINY) * (high - low)
        now = value(middle)
        above, below = ~near & (now > 0), ~near & (now <= 0)
        least = torch.where(above & (side > 0), least / 2, torch.where(below, now, least))
        most = torch.where(below & (side < 0), most / 2, torch.where(above, now, most))
        low, high = torch.where(below, middle, low), torch.where(above, middle, high)
        near, side = near | (now.abs() <= enough), now.sign()
        if bool(near.all()):
            break
    return low, high


def _at_length(inside: Tensor, outside: Tensor, length: Tensor) -> Tensor:
    way = outside - inside
    a, b, c = (way**2).sum(1), (way * inside).sum(1), (inside**2).sum(1) - length**2
    share = ((b**2 - a * c).clamp_min(0).sqrt() - b) / a.clamp_min(TINY)
    return inside + share.clamp(0, 1)[:, None] * way


def _by_a_share(v: Tensor, u: Tensor, strength: Tensor) -> Tensor:
    way = u - v
    return v + (strength / l2(way).clamp_min(TINY)[:, None]).clamp_max(1) * way


def _alike(v: Tensor, u: Tensor, strength: Tensor) -> Tensor:
    return v + (u - v).minimum(strength).maximum(-strength)


def _farthest(v: Tensor, u: Tensor, strength: Tensor) -> Tensor:
    level = (u.abs().amax(1, keepdim=True) - strength).clamp_min(0)
    return v.minimum(u + level).maximum(u - level)


def _wholly(v: Tensor, u: Tensor, strength: Tensor) -> Tensor:
    return torch.where((u - v).abs() <= strength, u, v)


_PULL = {"l2": _by_a_share, "l1": _alike, "linf": _farthest, "l0": _wholly}
