"""Augmented Lagrangian: the distance and a penalty for the margin whose multiplier is learnt on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.steady import steady
from epsball.geometry import l2, rows
from epsball.geometry.base import TINY, wide
from epsball.losses import Loss, dlr
from epsball.settings import Named, Number
from epsball.validation import positive

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle

_SMALLEST, _LARGEST = 1e-6, 1e12
_SQUARES = 0.99
_AWAY_FROM_0 = 1e-8
_MOMENTUM = 0.9


@dataclass(frozen=True)
class ALMA(Attack):
    """Descend |x - x0| + P(d, ρ, μ) by RMSprop with momentum, d = -DLR; μ <- α μ + (1 - α) ∂P/∂d; ρ <- γ ρ where d is not falling.

    P is μ d + μ ρ d² + ρ² d³ / 6 for d >= 0 and μ d / (1 - ρ d) below. Rony, Granger, Pedersoli, Ben Ayed 2020, arXiv:2011.11857,
    algorithm 1. Lengths begin with `first` and fall geometrically to a hundredth. ρ grows every `period` steps if there was no success
    among them and d is above τ times what it was before. Deviations: the first length is one in l2 in both norms; distances are in
    widths of the box; the squares of RMSprop start at those of the first gradient; d is this library's DLR, see `losses.dlr`.

    Args:
        steps: number of gradients.
        first: length of the first step in l2, in widths of the box.
        period: steps between changes of ρ.
        growth: the factor γ of ρ.
        progress: the fraction τ to which d must have fallen.
        inertia: the fraction α of the multiplier that stays.
        loss: what is ascended, -d.
    """

    name = "alma"
    minimum_norm = True
    accepts_start = True
    may_fail = True
    norms: ClassVar[tuple[str, ...]] = ("l2", "l1")

    steps: int = positive(500)
    first: Number = positive(1.0)
    period: int = positive(10)
    growth: Number = positive(1.2)
    progress: Number = positive(0.95)
    inertia: Number = positive(0.9)
    loss: Named[Loss] = Named(dlr)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        width = wide(ask.threat.width(ask.x0))
        one, none, still = torch.ones_like(width), torch.zeros_like(ask.live), torch.zeros_like(wide(ask.x0))
        s = ask.keep(
            x=ask.start(), width=width, rho=one, mu=one, before=one / 0, squares=None, rate=None, won=none, speed=still
        )
        for step in ask.steps(self.steps):
            value, g = ask.gradient(s.x, self.loss)
            d, met = -wide(value), ask.success
            s.won = s.won | met
            if step and step % self.period == 0:
                stuck = ~s.won & (d > self.progress * s.before)
                s.rho, s.before = torch.where(stuck, self.growth * s.rho, s.rho), d
                s.won = torch.zeros_like(met)
            slope = _slope(d, s.rho, s.mu)
            s.mu = (self.inertia * s.mu + (1 - self.inertia) * slope).clamp(_SMALLEST, _LARGEST) if step else s.mu
            r = wide(s.x - ask.x0) / rows(s.width, wide(s.x))
            away = r / rows(ask.threat.norm(r).clamp_min(TINY), r) if ask.threat.norm.name == "l2" else r.sign()
            pull = steady(away - rows(_slope(d, s.rho, s.mu) * s.width, r) * wide(g))
            s.squares = pull.square() if s.squares is None else _SQUARES * s.squares + (1 - _SQUARES) * pull.square()
            move = pull / (s.squares.sqrt() + _AWAY_FROM_0)
            s.rate = self.first / l2(move).clamp_min(TINY) if s.rate is None else s.rate
            s.speed = _MOMENTUM * s.speed + move
            length = s.rate * 0.01 ** (step / self.steps)
            s.x = ask.threat.clip(s.x - rows(length * s.width, move) * s.speed).to(ask.x0.dtype)
        return s.x


def _slope(d: Tensor, rho: Tensor, mu: Tensor) -> Tensor:
    """∂P/∂d `(n,)`."""
    inside = mu / (1 + rho * (-d).relu()).square()
    return torch.where(d >= 0, mu + 2 * mu * rho * d + rho.square() * d.square() / 2, inside)
