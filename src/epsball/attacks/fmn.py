"""Fast minimum-norm: ascent of the margin inside a ball that shrinks after a success and grows after a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.schedules import cosine
from epsball.geometry import l2
from epsball.geometry.base import TINY, wide
from epsball.losses import Loss, margin
from epsball.settings import Named, Number
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.oracle.rows import State


@dataclass(frozen=True)
class FMN(Attack):
    """ε <- min((1 - γ) ε, |δ*|) after a success, else (1 + γ) ε; δ <- Π_ε(δ - α ∇L / |∇L|_2), L = z_y - max_{k != y} z_k.

    Before the first success, ε = |δ| + |L| / |∇L|_q, where the linearised boundary is. In l0, ε changes by one feature at least,
    and starts with one. γ and α fall by a cosine. Pintor, Roli, Brendel, Biggio 2021, arXiv:2102.12827, algorithm 1; the last values
    of γ and α are those of the authors' code. Deviations: δ is projected onto ball and box together, instead of the ball first and
    the box then; the ε before the first success is lengthened by γ, for on the boundary itself no label changes; α, stated for
    [0, 1], is multiplied by the width of the box; between levels, ε grows by the distance of two at least.

    Args:
        steps: number of gradients.
        first: length α of the first step as a fraction of the box's width; l2, whatever the norm.
        last: length towards which it falls.
        change: the fraction γ by which ε changes at first.
        last_change: the fraction towards which γ falls.
        loss: what is ascended, -L; its zero is the boundary.
    """

    name = "fmn"
    minimum_norm = True
    accepts_start = True

    steps: int = positive(100)
    first: Number = positive(1.0)
    last: Number = positive(0.01)
    change: Number = positive(0.05)
    last_change: Number = positive(0.001)
    loss: Named[Loss] = Named(margin)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        x, width = ask.start(), ask.threat.width(ask.x0)
        s = ask.keep(x=x, width=width, radius=ask.threat.distance(x, ask.x0), best=torch.full_like(width, torch.inf))
        for step in ask.steps(self.steps):
            value, g = ask.gradient(s.x, self.loss)
            s.radius = self._radius(ask, s, value, wide(g), cosine(self.change, self.last_change, step, self.steps))
            length = cosine(self.first, self.last, step, self.steps) * s.width
            s.x = ask.threat.project(s.x + l2.lmo(wide(g), length), ask.x0, s.radius)
        return s.x

    def _radius(self, ask: Oracle, s: State, value: Tensor, g: Tensor, change: float) -> Tensor:
        """The next ε `(n,)`; notes the nearest success on the way."""
        size, met = ask.threat.distance(s.x, ask.x0), ask.success
        s.best = torch.where(met, size.minimum(s.best), s.best)
        smaller, larger = (1 - change) * s.radius, (1 + change) * s.radius
        if ask.threat.norm.name == "l0":
            smaller, larger = smaller.floor().minimum(s.radius - 1), larger.floor().maximum(s.radius + 1)
            return torch.where(met, smaller.minimum(s.best).clamp_min(0), larger)
        boundary = (1 + change) * (size + value.abs() / ask.threat.norm.dual(g).clamp_min(TINY))
        if (lattice := ask.threat.lattice) is not None:  # a smaller growth would lead back to the point before
            larger, boundary = larger.maximum(s.radius + lattice.spacing), boundary.maximum(size + lattice.spacing)
        return torch.where(met, smaller.minimum(s.best), torch.where(s.best.isinf(), boundary, larger))
