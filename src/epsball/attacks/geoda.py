"""GeoDA: the normal of the boundary by votes, then straight along it from the input."""

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

_LONGER, _DOUBLINGS, _HALVINGS = 1.1, 24, 12


@dataclass(frozen=True)
class GeoDA(Attack):
    """w = Σ ρ_i η_i over N_t directions, ρ_i = ±1 for whether x + σ η_i is an error; x <- the first error along x0 + r v(w).

    Rahmati, Moosavi-Dezfooli, Frossard, Dai 2020, arXiv:2003.06468, algorithm 1: N_t grows as λ^(-2t/3) (eq. 20); v(w) = w in l2,
    sign w in linf. Deviations: votes are weighted by their distance from the mean vote; directions have unit length and the radius
    says how far.

    Args:
        steps: boundary points.
        directions: asked about in all steps together.
        growth: λ.
        radius: σ |η|, in data units.
        frequencies: fraction of the lowest frequencies a side that η is made of; 1 for white noise.
        tries: noise images tried to find a first error.
    """

    access = Access.LABELS
    minimum_norm = True
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    may_fail = True
    accepts_start = True
    name = "geoda"

    steps: int = positive(10)
    directions: int = positive(5000)
    growth: Number = positive(0.6)
    radius: Number = positive(0.01)
    frequencies: Number = positive(0.5)
    tries: int = positive(200)

    @property
    def expected_passes(self) -> float:
        return float(self.directions)

    def run(self, ask: Oracle) -> Tensor:
        x = adversarial_start(ask, self.tries)
        s = ask.keep(x=between(ask.x0, x, bisect(ask, lambda t: between(ask.x0, x, t), x.new_ones(len(x)), _HALVINGS)))
        weights = [self.growth ** (-2 * step / 3) for step in range(self.steps)]
        for step in ask.steps(self.steps):
            count = max(round(self.directions * weights[step] / sum(weights)), 1)
            w = vote(ask, s.x, ask.eps.new_full((len(s.x),), self.radius), count, frequencies=self.frequencies)
            s.x = _first_error(ask, s.x, w.sign() if ask.threat.norm.separable else w)
        return s.x


def _first_error(ask: Oracle, x: Tensor, v: Tensor) -> Tensor:
    """The nearest error along v from the input; x where there is none."""
    reach = ask.threat.distance(x, ask.x0).to(v)
    missing = ask.live

    def at(far: Tensor) -> Tensor:
        return ask.threat.clip(ask.x0 + rows(far, v) * v).to(x.dtype)

    for _ in range(_DOUBLINGS):
        hit = ask.met(at(reach), where=missing)
        missing = missing & ask.live & ~hit
        if not bool(missing.any()):
            break
        reach = torch.where(missing, reach * _LONGER, reach)
    found = ask.live & ~missing
    high = bisect(ask, at, reach, _HALVINGS + math.ceil(math.log2(_LONGER)), where=found)
    return torch.where(rows(found, x).bool(), at(high), x)
