"""The largest coordinate: FGSM's norm (eq. 5 of the paper is its `lmo`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from epsball.geometry.base import Bound, Draw, Norm, Radius, clip, per_row, rescaled, room, rows, unbounded
from epsball.geometry.level import filled, water_level
from epsball.geometry.sides import sides


def _finite(radius: Radius, like: Tensor) -> Tensor:
    """An infinite radius becomes the largest number, so that 0 times it is 0."""
    return rows(radius, like).clamp_max(torch.finfo(like.dtype).max)


@dataclass(frozen=True)
class Linf(Norm):
    """|v| = max_i |v_i|."""

    name = "linf"
    separable = True

    def __call__(self, v: Tensor) -> Tensor:
        return v.flatten(1).abs().amax(1)

    def dual(self, g: Tensor) -> Tensor:
        return g.flatten(1).abs().sum(1)

    def lmo(self, g: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        return clip(g.sign().mul_(_finite(radius, g)), low, high)

    def moved(self, x: Tensor, g: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        if isinstance(radius, Tensor) or not unbounded(low, high) or x.dtype != g.dtype:
            return super().moved(x, g, radius, low, high)
        return torch.add(x, g.sign(), alpha=min(radius, torch.finfo(g.dtype).max))

    def project(self, v: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        r = rows(radius, v)
        return clip(v.minimum(r).maximum(-r), low, high)

    def around(self, x: Tensor, x0: Tensor, radius: Radius, low: Bound, high: Bound) -> Tensor:
        return x.clamp(*sides(x0, radius, low, high))

    def sample(
        self, like: Tensor, radius: Radius, draw: Draw, low: Bound = -math.inf, high: Bound = math.inf
    ) -> Tensor:
        unit = draw.uniform(like[0].numel()).to(like.dtype).reshape(like.shape)
        return clip((2 * unit).sub_(1).mul_(rows(radius, like)), low, high)

    def to_hyperplane(self, w: Tensor, b: Tensor) -> Tensor:
        return rescaled(w, b, self.lmo, self.dual(w))

    def onto_hyperplane(self, w: Tensor, b: Tensor, low: Bound, high: Bound) -> Tensor:
        g = (-rows(b.sign(), w) * w).flatten(1)
        space = room(g.reshape(w.shape), low, high).flatten(1)
        moves = (g != 0).to(g.dtype)
        length = water_level(moves, space, b.abs(), g.abs())
        return (g.sign() * filled(per_row(length, g), moves, space)).reshape(w.shape)

    def rounding(self, n: int) -> float:
        return 1.0 if n else 0.0


linf: Linf = Linf()
"""Largest absolute coordinate."""
