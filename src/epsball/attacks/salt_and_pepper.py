"""Salt and pepper: more and more features at the ends of their range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.paths import first_success
from epsball.geometry import rows
from epsball.oracle.access import Access
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class SaltAndPepper(Attack):
    """x_i = low or high, with equal chances, for a fraction t of the features drawn at random: the smallest t that is a success.

    The control of impulse noise: Rauber, Brendel, Bethge 2017, arXiv:1707.04131. Deviations: the features drawn for a smaller
    fraction are among those for a larger one, so that the fraction can be halved.

    Args:
        steps: points tried on the way.
        halvings: bisections once the label has changed.
    """

    access = Access.LABELS
    noise_only = True
    minimum_norm = True
    may_fail = True

    steps: int = positive(20)
    halvings: int = nonnegative(5)

    @property
    def expected_passes(self) -> float:
        return self.steps

    def run(self, ask: Oracle) -> Tensor:
        u = ask.draw().uniform(2 * ask.x0[0].numel()).to(ask.x0).reshape(len(ask.x0), 2, *ask.x0.shape[1:])
        low, high = (torch.as_tensor(side).to(ask.x0) for side in (ask.threat.low, ask.threat.high))
        ends = torch.where(u[:, 0] < 1 / 2, low, high)
        salted = lambda t: torch.where(u[:, 1] < rows(t, ask.x0), ends, ask.x0)  # noqa: E731 a formula
        return first_success(ask, salted, self.steps, self.halvings)
