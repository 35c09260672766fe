"""The Frank-Wolfe attack: no projection, only linear maximisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.losses import Loss, sharpened_cross_entropy
from epsball.settings import Named, Number
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class FrankWolfe(Attack):
    """m <- β m + (1 - β) ∇J(x), x <- x + γ_t (argmax over s in S of <m, s> - x), γ_t = 2 / (t + 2).

    Chen, Zhou, Yi, Gu 2020, arXiv:1811.10828, algorithm 1. Deviations: the classical step γ_t instead of a constant one that is chosen
    for each data set; S is ball and pixel box together, in all norms; points are projected against rounding; J is
    sharpened near the boundary.

    Args:
        steps: number of gradients.
        decay: fraction of the old direction that stays, the paper's β.
        loss: what is ascended.
    """

    starts_at_input = True

    steps: int = positive(40)
    decay: Number = nonnegative(0.5)
    loss: Named[Loss] = Named(sharpened_cross_entropy)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, m=None)
        for t in ask.steps(self.steps):
            _, g = ask.gradient(s.x, self.loss)
            s.m = g if s.m is None else self.decay * s.m + (1 - self.decay) * g
            s.x = ask.threat.project(s.x + 2 / (t + 2) * (ask.threat.furthest(s.m, ask.x0) - s.x), ask.x0)
        return s.x
