"""Variance tuning: the gradient of a step corrected by the gradients around the last point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.step_rules import momentum
from epsball.losses import Loss, cross_entropy
from epsball.settings import Named, Number
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class VMIFGSM(Attack):
    """m <- μ m + (∇J(x) + v) / |∇J(x) + v|_1, v <- 1/n sum_i ∇J(x + r_i) - ∇J(x), r_i uniform in the ball of radius β ε.

    Wang and He 2021, arXiv:2103.15571, algorithm 1. Deviations: all norms, with steps as in PGD;
    the points around x are cut to the pixel box.

    Args:
        steps: number of steps.
        rate: length of each as a fraction of ε.
        decay: fraction of the old direction that stays, the paper's μ.
        neighbours: points around each iterate, n.
        width: radius of their ball as a multiple of ε, β.
        loss: what is ascended.
    """

    starts_at_input = True

    steps: int = positive(10)
    rate: Number = positive(0.1)
    decay: Number = nonnegative(1.0)
    neighbours: int = positive(20)
    width: Number = positive(1.5)
    loss: Named[Loss] = Named(cross_entropy)

    @property
    def reach(self) -> float:
        return self.steps * self.rate

    @property
    def longest_step(self) -> float:
        return self.rate

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps * (1 + self.neighbours)

    def run(self, ask: Oracle) -> Tensor:
        rule = momentum(self.decay)
        s = ask.keep(x=ask.x0, m=None, v=torch.zeros_like(ask.x0))
        for _ in ask.steps(self.steps):
            _, g = ask.gradient(s.x, self.loss)
            d, s.m = rule(g + s.v, s.m)
            radius = self.width * ask.threat.eps
            box = ask.threat.low - s.x, ask.threat.high - s.x
            moves = [ask.threat.norm.sample(s.x, radius, ask.draw(), *box) for _ in range(self.neighbours)]
            _, around = ask.gradient(s.x[:, None] + torch.stack(moves, 1), self.loss)
            s.v = around.mean(1) - g
            s.x = ask.threat.ascend(s.x, d, self.rate * ask.threat.eps, ask.x0)
        return s.x
