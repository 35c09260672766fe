"""The attack of Brendel and Bethge: from a far error along the boundary to the point of it that is nearest to the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.adversarial_start import adversarial_start
from epsball.attacks.parts.schedules import geometric
from epsball.geometry import l2, rows
from epsball.geometry.base import TINY, inner, wide
from epsball.geometry.trust_region import TrustRegion
from epsball.losses import margin
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class BrendelBethge(Attack):
    """x <- x + argmin_d |x0 - x - d|_p subject to <b, d> = -L(x), |d|_2 <= r, x + d in the box; b = ∇L, L = max_{k != y} z_k - z_y.

    Begins at a far error, blended with the input until it is next to the boundary, and follows the boundary, which every step
    linearises anew. Gradients are taken where the label is undecided, so a network whose gradients vanish around its inputs hides
    nothing from it. Brendel, Rauber, Kümmerer, Ustyuzhaninov, Bethge 2019, arXiv:1907.01003, eq. 3. The average of normals and the
    overshoot are those of the authors' code. Deviations: r is a fraction of |x - x0|_2, or of |L| / |b|_2 where that is more, and
    falls geometrically; a boundary beyond the reach of r is walked to straight; the dual of the subproblem is solved by two nested
    searches in place of a quasi-Newton method, see `TrustRegion`; where no noise is an error it begins at the input; between levels
    it moves freely, a level's distance beyond the boundary, and asks at the nearest ones.

    Args:
        steps: number of gradients. After 30 hardly anything is gained but by another start, see `Restarts`.
        first: the fraction that r is of, at the first step.
        last: the fraction at the last one.
        momentum: weight of the normals before in their average.
        overshoot: fraction of L by which a step ends beyond the linearised boundary, on the side of the errors.
        tries: noise images tried to find a first error.
    """

    name = "brendel-bethge"
    minimum_norm = True
    accepts_start = True

    steps: int = positive(30)
    first: Number = positive(1.0)
    last: Number = positive(0.01)
    momentum: Number = nonnegative(0.8, below=1.0)
    overshoot: Number = nonnegative(0.1, below=1.0)
    tries: int = positive(200)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        x = adversarial_start(ask, self.tries, needed=False)
        s = ask.keep(x=x, normal=torch.zeros_like(wide(x)))
        lattice = ask.threat.lattice
        # what is rounded to levels is then mostly still an error
        beyond = lattice.spacing if lattice is not None else 0.0
        for step in ask.steps(self.steps):
            asked = ask.threat.clip(s.x)
            value, g = ask.gradient(asked, margin)
            s.normal = self.momentum * s.normal + (1 - self.momentum if step else 1) * wide(g)
            x, size = wide(s.x), l2(s.normal).clamp_min(TINY)
            value = value.to(size) + inner(wide(g), x - asked)
            gap = beyond - (1 - value.sign() * self.overshoot) * value / size
            away = (wide(ask.x0) - x).flatten(1)
            radius = geometric(self.first, self.last, step, self.steps) * l2(away).maximum(gap.abs())
            low, high = (ask.threat.low - x).flatten(1), (ask.threat.high - x).flatten(1)
            region = TrustRegion((s.normal / rows(size, x)).flatten(1), gap, low, high, radius)
            s.x = ask.threat.continuous.clip(x + region.nearest(ask.threat.norm, away).reshape(x.shape)).to(s.x)
        last = ask.threat.clip(s.x)
        ask.met(last)  # always: whether a last step of 0 is one at all would be a matter of rounding
        return last
