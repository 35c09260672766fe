"""The Euclidean norm. On ball and box, both its maximiser and its projection are a clipped multiple of one vector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from epsball.geometry.base import TINY, Bound, Draw, Norm, Radius, clip, per_row, rescaled, room, rows, unbounded
from epsball.geometry.level import filled, water_level


@dataclass(frozen=True)
class L2(Norm):
    """|v|² = sum_i v_i²."""

    name = "l2"

    def __call__(self, v: Tensor) -> Tensor:
        length: Tensor = torch.linalg.vector_norm(v.flatten(1), dim=1)
        return length

    def dual(self, g: Tensor) -> Tensor:
        return self(g)

    def lmo(self, g: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        g = _unit(g)
        if unbounded(low, high):
            return g * rows(radius, g).clamp_max(torch.finfo(g.dtype).max)
        return _clipped_multiple(g, per_row(radius, g), room(g, low, high), most=math.inf)

    def project(self, v: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        if unbounded(low, high):
            return v * rows((per_row(radius, v) / self(v).clamp_min(TINY)).clamp_max(1), v)
        return _clipped_multiple(v, per_row(radius, v), room(v, low, high), most=1.0)

    def sample(
        self, like: Tensor, radius: Radius, draw: Draw, low: Bound = -math.inf, high: Bound = math.inf
    ) -> Tensor:
        n = like[0].numel()
        # the first n coordinates of a uniform point on the sphere of n + 2 dimensions are uniform in the ball
        z = draw.normal(n + 2).to(like.dtype)
        unit = (z / z.norm(dim=1, keepdim=True))[:, :n].reshape(like.shape)
        return clip(unit * rows(radius, like), low, high)

    def to_hyperplane(self, w: Tensor, b: Tensor) -> Tensor:
        return rescaled(w, b, self.lmo, self.dual(w))

    def onto_hyperplane(self, w: Tensor, b: Tensor, low: Bound, high: Bound) -> Tensor:
        g = (-rows(b.sign(), w) * w).flatten(1)
        space = room(g.reshape(w.shape), low, high).flatten(1)
        scale = g.abs().amax(1).clamp_min(TINY)
        size = g.abs() / scale[:, None]
        level = water_level(size, space, b.abs() / scale, size)
        return (g.sign() * filled(level, size, space)).reshape(w.shape)

    def rounding(self, n: int) -> float:
        return math.sqrt(n)


def _unit(g: Tensor) -> Tensor:
    """Divide by the largest coordinate first: squares of a tiny gradient would vanish in single precision."""
    g = g / rows(g.flatten(1).abs().amax(1).clamp_min(TINY), g)
    return g / rows(torch.linalg.vector_norm(g.flatten(1), dim=1).clamp_min(TINY), g)


def _clipped_multiple(v: Tensor, radius: Tensor, space: Tensor, most: float) -> Tensor:
    """Return clip(t v) with the largest t <= most for which its length is at most the radius."""
    size, space = v.flatten(1).abs(), space.flatten(1)
    limited = most < math.inf
    first = per_row(most, radius) if limited else radius
    plain = filled(first, size, space)
    done = torch.linalg.vector_norm(plain, dim=1) <= radius if limited else (first[:, None] * size <= space).all(1)
    if not bool(done.all()):
        level = water_level(size**2, space**2, radius**2).sqrt().clamp_max(most)
        plain = filled(torch.where(done, first, level), size, space)
    return (v.flatten(1).sign() * plain).reshape(v.shape)


l2: L2 = L2()
"""Euclidean length."""
