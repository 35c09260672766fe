"""Gaussian blur, wider and wider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.paths import first_success
from epsball.geometry.base import TINY
from epsball.oracle.access import Access
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class GaussianBlur(Attack):
    """x = W_σ * x0, W_σ a Gaussian whose σ grows up to `widest` times the image's side: the smallest σ that is a success.

    The control of blur: Rauber, Brendel, Bethge 2017, arXiv:1707.04131. Deviations: weights beyond the border are left
    out and the others sum to 1.

    Args:
        widest: the largest σ as a fraction of the side.
        steps: points tried on the way.
        halvings: bisections once the label has changed.
    """

    access = Access.LABELS
    noise_only = True
    minimum_norm = True
    may_fail = True
    images_only = True

    widest: Number = positive(0.25)
    steps: int = positive(20)
    halvings: int = nonnegative(5)

    @property
    def expected_passes(self) -> float:
        return self.steps

    def run(self, ask: Oracle) -> Tensor:
        def blurred(t: Tensor) -> Tensor:
            down, across = (_weights(side, self.widest * side * t) for side in ask.x0.shape[-2:])
            return ask.threat.clip(torch.einsum("nih,nchw,njw->ncij", down, ask.x0, across))

        return first_success(ask, blurred, self.steps, self.halvings)[1]


def _weights(side: int, sigma: Tensor) -> Tensor:
    """Return what every place of a line gets from every other, `(n, side, side)`."""
    place = torch.arange(side, device=sigma.device)
    apart = (place[:, None] - place).square() / (2 * sigma.double().square()[:, None, None] + TINY)
    return torch.softmax(-apart, 2).to(sigma.dtype)
