"""Contrast: the image fades to grey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.attacks.parts.paths import first_success
from epsball.geometry import rows
from epsball.oracle.access import Access
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class Contrast(Attack):
    """x = (1 - t) x0 + t (low + high) / 2, with the smallest t in (0, 1] that is a success.

    The control of contrast reduction: Rauber, Brendel, Bethge 2017, arXiv:1707.04131. Deviations: none.

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
        middle = (ask.threat.low + ask.threat.high) / 2
        fade = lambda t: ask.threat.clip(ask.x0 + rows(t, ask.x0) * (middle - ask.x0))  # noqa: E731 a formula
        return first_success(ask, fade, self.steps, self.halvings)[1]
