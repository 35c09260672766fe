"""Decoupled direction and norm: the direction by gradients, the length by successes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.schedules import cosine
from epsball.geometry import l2
from epsball.geometry.base import wide
from epsball.losses import Loss, cross_entropy
from epsball.settings import Named, Number
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class DDN(Attack):
    """δ <- δ + α ∇J / |∇J|, ε <- (1 - γ) ε after a success and (1 + γ) ε after a failure, x <- clip(x0 + ε δ / |δ|).

    Rony, Hafemann, Oliveira, Ben Ayed, Sabourin, Granger 2018, arXiv:1811.09600, algorithm 1; α falls from `first` to `last` by a
    cosine. Deviations: δ is that of the clipped point, as in the authors' code; points are not rounded to 8 bits; α and the first ε,
    stated for [0, 1], are multiplied by the width of the box; a zero gradient adds nothing.

    Args:
        steps: number of gradients.
        radius: the first ε as a fraction of the box's width.
        change: the fraction γ by which ε changes in a step.
        first: length α of the first step as a fraction of the box's width.
        last: length towards which it falls.
        loss: what is ascended.
    """

    name = "ddn"
    minimum_norm = True
    accepts_start = True
    measures = "l2"
    norms: ClassVar[tuple[str, ...]] = ("l2",)

    steps: int = positive(100)
    radius: Number = positive(1.0)
    change: Number = positive(0.05)
    first: Number = positive(1.0)
    last: Number = positive(0.01)
    loss: Named[Loss] = Named(cross_entropy)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        width = ask.threat.width(ask.x0)
        s = ask.keep(x=ask.start(), width=width, radius=self.radius * width)
        for step in ask.steps(self.steps):
            _, g = ask.gradient(s.x, self.loss)
            s.radius = torch.where(ask.success, (1 - self.change) * s.radius, (1 + self.change) * s.radius)
            length = cosine(self.first, self.last, step, self.steps) * s.width
            moved = s.x - ask.x0 + l2.lmo(wide(g), length)
            s.x = ask.threat.clip(ask.x0 + l2.lmo(moved, s.radius)).to(ask.x0.dtype)
        return s.x
