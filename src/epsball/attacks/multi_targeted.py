"""MultiTargeted: one search towards each of the other classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.likeliest import likeliest
from epsball.attacks.parts.schedules import geometric
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.forward import Local
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class MultiTargeted(Attack):
    """For each class k in turn: x <- project(x + α argmax over |d| <= 1 of <∇(f_k - f_y), d>), from a random start.

    Gowal et al. 2019, arXiv:1910.09338, algorithm 1. Deviations: normalised steps that fall geometrically instead of Adam; the classes
    in the order of their logits at the input; all norms; towards a target t, f_t - f_k is ascended.

    Args:
        steps: number of gradients for each class.
        classes: how many classes are tried.
        first: length of the first step as a fraction of ε.
        rate: length of the last step as a fraction of ε.
    """

    starts_at_input = True

    steps: int = positive(20)
    classes: int = positive(9)
    first: Number = positive(1.0)
    rate: Number = positive(0.03)

    @property
    def longest_step(self) -> float:
        return max(self.first, self.rate)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps * self.classes + 1

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, order=likeliest(ask, self.classes))
        for place in range(s.order.shape[1]):
            s.x = ask.threat.sample(ask.x0, ask.draw())
            for step in ask.steps(self.steps):
                (g,) = ask.local(s.x, _difference, s.order[:, place], into=(torch.zeros_like(s.x),))
                length = geometric(self.first, self.rate, step, self.steps)
                s.x = ask.threat.ascend(s.x, g, length * ask.threat.eps, ask.x0)
        return s.x


def _difference(local: Local, k: Tensor) -> tuple[Tensor, ...]:
    """The gradient of f_k - f_y, or of f_t - f_k."""
    own, other = (local.logits.gather(1, at[:, None]).squeeze(1) for at in (local.goal.labels, k))
    return (local.gradient(own - other if local.goal.targeted else other - own),)
