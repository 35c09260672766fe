"""Salt and pepper: more and more features at the ends of their range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.attacks.parts.salted import salted
from epsball.oracle.access import Access
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class SaltAndPepper(Attack):
    """x_i = low or high, with equal chances, for a fraction t of the features drawn at random: the smallest t that is a success.

    The control of impulse noise: Rauber, Brendel, Bethge 2017, arXiv:1707.04131. Deviations: the features drawn for a smaller
    fraction are among those for a larger one, so that the fraction can be halved; several draws, each tried below the smallest
    fraction so far.

    Args:
        steps: points tried on the way in the first draw.
        halvings: bisections once the label has changed.
        draws: orders of the features tried.
    """

    access = Access.LABELS
    noise_only = True
    minimum_norm = True
    may_fail = True

    steps: int = positive(20)
    halvings: int = nonnegative(5)
    draws: int = positive(50)

    @property
    def expected_passes(self) -> float:
        return self.steps + self.draws

    def run(self, ask: Oracle) -> Tensor:
        return salted(ask, self.draws, self.steps, self.halvings)
