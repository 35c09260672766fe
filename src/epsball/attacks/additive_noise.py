"""Random noise: the baseline that no attack may fall below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.oracle.access import Access
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class AdditiveNoise(Attack):
    """x = x0 + r with r uniform in the ball of radius ε, cut to the pixel box; the first draw that is a success counts.

    The control that Szegedy et al. 2014, arXiv:1312.6199, set beside their perturbations. Deviations: several draws.

    Args:
        draws: random points tried for every sample.
    """

    name = "noise"
    access = Access.LABELS
    noise_only = True
    may_fail = True

    draws: int = positive(10)

    @property
    def expected_passes(self) -> float:
        return self.draws

    def run(self, ask: Oracle) -> Tensor:
        x = ask.x0
        for _ in ask.steps(self.draws):
            x = ask.threat.sample(ask.x0, ask.draw())
            ask.met(x)
        return x
