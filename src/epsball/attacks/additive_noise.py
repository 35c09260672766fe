"""Random noise: the baseline that no attack may fall below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.oracle.forward import Access

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.threat import Threat


@dataclass(frozen=True)
class AdditiveNoise(Attack):
    """x = x0 + r with r uniform in the ball of radius ε, cut to the pixel box; the first draw that is a hit counts.

    The control that Szegedy et al. 2014, arXiv:1312.6199, set beside their perturbations. Deviations: several draws.

    Args:
        draws: random points tried for every sample.
    """

    access = Access.LABELS

    draws: int = 10

    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:
        x = x0
        for _ in ask.steps(self.draws):
            x = threat.sample(x0, ask.draw())
            ask.met(x)
        return x
