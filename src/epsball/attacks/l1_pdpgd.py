"""Primal-dual proximal gradient descent in l1 with a step of its own for every entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.adam import Adam
from epsball.attacks.parts.schedules import geometric
from epsball.geometry import l2, linf, rows
from epsball.geometry.base import TINY, wide
from epsball.losses import margin
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class L1PDPGD(Attack):
    """δ <- S(δ + α m / √v, α λ |g|_inf / √v) with g = ∇L / |∇L|_2, L = max_{k != y} z_k - z_y, S(u, t) = sign(u) (|u| - t)_+.

    m and v are Adam's means of g and g²; S is the prox of |δ|_1 in the metric √v, so entries of small gradients are stepped and shrunk
    as far as others are. λ weighs the norm against the constraint that the label changes: log λ rises by `dual` after a success and
    falls by it else, which at first sends δ far to and fro. It finds the few large changes that networks ignore small ones for.
    Matyasko and Chau 2021, arXiv:2106.01538; the metric is that of AdaProx, Melchior, Joseph and Moolekamp 2019, arXiv:1910.10094.
    Deviations: those of `PDPGD`.

    Args:
        steps: number of gradients.
        first: length α of the first step as a fraction of the box's width.
        last: length of the last one.
        weight: λ at first.
        dual: by how much log λ changes at first.
        last_dual: by how much it changes at last.
    """

    name = "l1-pdpgd"
    minimum_norm = True
    accepts_start = True
    norms: ClassVar[tuple[str, ...]] = ("l1",)

    steps: int = positive(500)
    first: Number = positive(0.1)
    last: Number = positive(0.001)
    weight: Number = positive(0.3)
    dual: Number = positive(3.0)
    last_dual: Number = positive(0.1)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        width = ask.threat.width(ask.x0)
        adam = Adam.like(wide(ask.x0))._asdict()
        s = ask.keep(x=ask.start(), width=width, weight=torch.full_like(width, self.weight), **adam)
        for step in ask.steps(self.steps):
            g = wide(ask.gradient(s.x, margin)[1])
            g = g / rows(l2(g).clamp_min(TINY), g)
            change = geometric(self.dual, self.last_dual, step, self.steps)
            s.weight = s.weight * torch.where(ask.success, change, -change).exp()
            move, (s.mean, s.square, s.taken) = Adam(s.mean, s.square, s.taken).step(g)
            length = rows(geometric(self.first, self.last, step, self.steps) * s.width, g)
            ahead = wide(s.x) - wide(ask.x0) + length * move
            shorter = length * rows(s.weight * linf(g), g) / Adam(s.mean, s.square, s.taken).size()
            s.x = ask.threat.clip(wide(ask.x0) + ahead.sign() * (ahead.abs() - shorter).relu()).to(ask.x0.dtype)
        return s.x
