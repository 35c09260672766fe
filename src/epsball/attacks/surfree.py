"""SurFree: circles through the input and its nearest known error, in random planes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.adversarial_start import adversarial_start, between
from epsball.attacks.parts.bisection import bisect
from epsball.attacks.parts.waves import waves
from epsball.geometry import rows
from epsball.geometry.base import TINY, inner
from epsball.oracle.access import Access
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number

_HALVINGS = 10


@dataclass(frozen=True)
class SurFree(Attack):
    """x(α) = x0 + |x - x0| cos α (u cos α + v sin α), u = unit(x - x0), v random, orthogonal to u; x <- x(α), |α| the largest.

    Maho, Furon, Le Merrer 2021, arXiv:2011.12807, algorithms 1 and 2: α is tried at ±θ, then at smaller angles, and what is found is
    enlarged by bisection; θ <- ρ θ after a failure, θ / ρ after a success. Directions v are low frequencies, orthogonal to the last
    ones. Deviations: 20 of these instead of 100; a found angle may grow up to the next one tried, or to twice θ.

    Args:
        steps: planes.
        angle: θ at first, in degrees.
        angles: how many angles of each sign are tried.
        shrink: ρ.
        halvings: bisections of an angle.
        frequencies: fraction of the lowest frequencies a side that v is made of; 1 for white noise.
        memory: directions that a new one is orthogonal to.
        tries: noise images tried to find a first error.
    """

    access = Access.LABELS
    minimum_norm = True
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    may_fail = True
    accepts_start = True
    name = "surfree"

    steps: int = positive(500)
    angle: Number = positive(30.0)
    angles: int = positive(3)
    shrink: Number = positive(0.98)
    halvings: int = positive(3)
    frequencies: Number = positive(0.5)
    memory: int = positive(20)
    tries: int = positive(200)

    @property
    def expected_passes(self) -> float:
        return float(self.steps * (self.angles + self.halvings))

    def run(self, ask: Oracle) -> Tensor:
        x = adversarial_start(ask, self.tries)
        x = between(ask.x0, x, bisect(ask, lambda t: between(ask.x0, x, t), x.new_ones(len(x)), _HALVINGS))
        s = ask.keep(x=x, past=None, angle=ask.eps.new_full((len(x),), math.radians(self.angle)))
        for _ in ask.steps(self.steps):
            u = _unit((s.x.to(s.angle) - ask.x0).flatten(1))
            v = waves(ask.draw(), ask.x0, self.frequencies, 1).to(u).flatten(1)
            for direction in () if s.past is None else s.past.unbind(1):
                v = v - inner(v, direction)[:, None] * direction
            v = _unit(v - inner(v, u)[:, None] * u)
            s.past = v[:, None] if s.past is None else torch.cat((s.past, v[:, None]), 1)[:, -self.memory :]
            s.x, s.angle = self._turned(ask, s.x, u.reshape(s.x.shape), v.reshape(s.x.shape), s.angle)
        return s.x

    def _turned(self, ask: Oracle, x: Tensor, u: Tensor, v: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
        """The error at the largest angle, and the angle to begin with next time."""
        far = ask.threat.distance(x, ask.x0).to(angle)

        def at(alpha: Tensor) -> Tensor:
            turned = rows(alpha.cos(), u) * u + rows(alpha.sin(), v) * v
            return ask.threat.clip(ask.x0 + rows(far * alpha.cos(), u) * turned).to(x.dtype)

        found, side, room = torch.zeros_like(angle), torch.ones_like(angle), torch.zeros_like(angle)
        for part in range(self.angles, 0, -1):
            for sign in (1.0, -1.0):
                alpha = angle * part / self.angles
                hit = ask.met(at(sign * alpha), where=ask.live & (found == 0))
                found, side = torch.where(hit, alpha, found), torch.where(hit, sign, side)
                room = torch.where(hit, alpha if part == self.angles else angle / self.angles, room)
        room = room.minimum((math.pi / 2 - found).clamp_min(0))
        short = bisect(ask, lambda less: at(side * (found + room - less)), room, self.halvings, where=found > 0)
        x = torch.where(rows(found > 0, x).bool(), at(side * (found + room - short)), x)
        return x, angle * torch.where(found > 0, 1 / self.shrink, self.shrink)


def _unit(v: Tensor) -> Tensor:
    unit: Tensor = v / v.norm(dim=1, keepdim=True).clamp_min(TINY)
    return unit
