"""HopSkipJump: gradient steps along the boundary, from labels alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.adversarial_start import adversarial_start, between
from epsball.attacks.parts.bisection import bisect
from epsball.attacks.parts.vote import vote
from epsball.geometry import rows
from epsball.oracle.access import Access
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number

_FIRST_RADIUS = 0.1
"""Fraction of the pixel range around the first point that is asked about."""
_HALVINGS = 30
"""Shortest jump, as a power of 1/2, before a point stays where it is."""


@dataclass(frozen=True)
class HopSkipJump(Attack):
    """x̃ = x + ξ_t v(∇S), ξ_t = |x - x0| / √t halved until x̃ is an error; x <- the last error from x̃ towards x0.

    Chen, Jordan, Wainwright 2020, arXiv:1904.02144, algorithms 1 and 2. ∇S is the mean of B_t = B_0 √t directions weighted by whether x
    plus a step of length γ |x̃ - x0| is an error (eq. 16); v(g) = g / |g| in l2, sign g in linf. Deviations: the length is that of the
    authors' code, where the paper divides by d; a jump that fails thirty times is left out; every other starting point is coarse
    noise, where the paper's is fine.

    Args:
        steps: jumps.
        directions: B_0, directions asked about for the first jump.
        most: directions for a jump, at most.
        gamma: γ; the boundary is met within γ / √d of the distance in l2, γ / d in linf.
        tries: noise images tried to find a first error.
    """

    access = Access.LABELS
    minimum_norm = True
    may_fail = True
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    accepts_start = True

    steps: int = positive(64)
    directions: int = positive(100)
    most: int = positive(10_000)
    gamma: Number = positive(0.01)
    tries: int = positive(200)

    @property
    def expected_passes(self) -> float:
        return float(sum(self._count(step) for step in range(self.steps)))

    def run(self, ask: Oracle) -> Tensor:
        cube = ask.threat.norm.separable
        x = self._drawn_back(ask, adversarial_start(ask, self.tries))
        s = ask.keep(x=x, radius=_FIRST_RADIUS * ask.threat.width(ask.x0).to(ask.eps))
        for step in ask.steps(self.steps):
            normal = vote(ask, s.x, s.radius, self._count(step), cube=cube)
            x = _jumped(ask, s.x, normal.sign() if cube else normal, math.sqrt(step + 1))
            s.radius = self.gamma * ask.threat.distance(x, ask.x0).to(s.radius)
            s.x = self._drawn_back(ask, x)
        return s.x

    def _count(self, step: int) -> int:
        return min(int(self.directions * math.sqrt(step + 1)), self.most)

    def _drawn_back(self, ask: Oracle, x: Tensor) -> Tensor:
        """The error nearest to the input on the way there: a straight line in l2, shrinking balls in linf."""
        cube, size = ask.threat.norm.separable, x[0].numel()
        finest = -math.log2(torch.finfo(x.dtype).eps)
        halvings = math.ceil(min(math.log2(max((size if cube else math.sqrt(size)) / self.gamma, 2)), finest))
        if not cube:
            return between(ask.x0, x, bisect(ask, lambda t: between(ask.x0, x, t), x.new_ones(len(x)), halvings))
        whole = (x - ask.x0).flatten(1).abs().amax(1)
        return _within(ask, x, bisect(ask, lambda level: _within(ask, x, level), whole, halvings))


def _within(ask: Oracle, x: Tensor, level: Tensor) -> Tensor:
    """Return the point nearest to `x` that is no farther than `level` `(n,)` from the input in any coordinate."""
    return torch.minimum(torch.maximum(x, ask.x0 - rows(level, x)), ask.x0 + rows(level, x))


def _jumped(ask: Oracle, x: Tensor, v: Tensor, slower: float) -> Tensor:
    """Return the error x + ξ v with the longest ξ of |x - x0| / slower, a half, a quarter, …; x where there is none."""
    length = ask.threat.distance(x, ask.x0).to(v) / slower
    waiting = ask.live
    for _ in range(_HALVINGS):
        if not bool(waiting.any()):
            break
        point = ask.threat.clip(x + rows(length, v) * v).to(x.dtype)
        hit = ask.met(point, where=waiting)
        x = torch.where(rows(hit, x).bool(), point, x)
        waiting, length = waiting & ask.live & ~hit, length / 2
    return x
