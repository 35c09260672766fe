"""The boundary attack: a random walk along the boundary that drifts towards the input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.adversarial_start import adversarial_start
from epsball.geometry import rows
from epsball.geometry.base import TINY, inner
from epsball.oracle.access import Access
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number

_EVERY = 10
"""Steps after which the point on the sphere is asked about as well, and the lengths are adapted."""
_ROUNDS = 3
"""Answers about spheres that the length of a turn is adapted after."""


@dataclass(frozen=True)
class Boundary(Attack):
    """η normal, orthogonal to x - x0, |η| = δ |x - x0|; x' = η put back onto the sphere around x0, then ε |x - x0| nearer to x0.

    Brendel, Rauber, Bethge 2018, arXiv:1712.04248, algorithm 1 and section 2.4. δ grows where more than half of the points on the
    sphere are errors and falls where less than a fifth are; ε where more than a quarter, or less than a tenth, of the x' are.
    Deviations: the paper names no thresholds but about one half; points on the sphere are asked about at every tenth step only.

    Args:
        steps: of the walk, one query each and another one at every tenth.
        turn: δ at first.
        approach: ε at first.
        adaptation: factor by which δ and ε change.
        tries: noise images tried to find a first error.
    """

    access = Access.LABELS
    minimum_norm = True
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    may_fail = True
    accepts_start = True

    steps: int = positive(5000)
    turn: Number = positive(0.01)
    approach: Number = positive(0.01)
    adaptation: Number = positive(1.5)
    tries: int = positive(200)

    @property
    def expected_passes(self) -> float:
        return self.steps * (1 + 1 / _EVERY)

    def run(self, ask: Oracle) -> Tensor:
        x, blank = adversarial_start(ask, self.tries), ask.eps.new_zeros(len(ask.x0))
        s = ask.keep(x=x, turn=blank + self.turn, approach=blank + self.approach, hits=blank, kept=blank)
        for step in ask.steps(self.steps):
            sphere, nearer = _proposed(ask, s.x, s.turn, s.approach)
            if step % _EVERY == 0:
                s.hits = s.hits + ask.met(sphere)
            hit = ask.met(nearer)
            s.kept, s.x = s.kept + hit, torch.where(rows(hit, s.x).bool(), nearer, s.x)
            if (step + 1) % (_EVERY * _ROUNDS) == 0:
                s.turn = _adapted(s.turn, s.hits / _ROUNDS, self.adaptation, 0.5, 0.2)
                s.approach = _adapted(s.approach, s.kept / (_EVERY * _ROUNDS), self.adaptation, 0.25, 0.1)
                s.hits, s.kept = torch.zeros_like(s.hits), torch.zeros_like(s.kept)
        return s.x


def _proposed(ask: Oracle, x: Tensor, turn: Tensor, approach: Tensor) -> tuple[Tensor, Tensor]:
    """Return a point beside x at the same distance, and one nearer."""
    away = x.to(ask.eps.dtype) - ask.x0
    eta = ask.draw().normal(x[0].numel()).to(away).reshape(away.shape)
    far = away.flatten(1).norm(dim=1).clamp_min(TINY)
    eta = eta - rows(inner(eta, away) / far**2, eta) * away
    eta = eta * rows(turn * far / eta.flatten(1).norm(dim=1).clamp_min(TINY), eta)
    sphere = ask.threat.clip(ask.x0 + (away + eta) / rows((1 + turn**2).sqrt(), eta))
    back = sphere - ask.x0
    now = back.flatten(1).norm(dim=1).clamp_min(TINY)
    left = torch.minimum(far * (1 - approach), now) / now
    return sphere.to(x.dtype), ask.threat.clip(ask.x0 + rows(left, back) * back).to(x.dtype)


def _adapted(length: Tensor, share: Tensor, factor: float, much: float, little: float) -> Tensor:
    """Return the length, longer where successes are many and shorter where they are few."""
    power = (share > much).to(length) - (share < little).to(length)
    return length * torch.exp(power * math.log(factor))
