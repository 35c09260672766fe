"""DeepFool for any number of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.boundary import nearest_boundary
from epsball.geometry import rows

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.oracle.rows import Kept
    from epsball.threat import Threat


@dataclass(frozen=True)
class DeepFool(Attack):
    """Step onto the nearest of the linearised boundaries, argmin_k |f'_k| / |w'_k|_q, until the label changes.

    f'_k = f_k - f_y, w'_k = ∇f_k - ∇f_y, r_i = |f'_l| / |w'_l|_q^q |w'_l|^(q-1) sign w'_l, x <- x + r_i; the sum of the steps is
    multiplied by 1 + overshoot. Moosavi-Dezfooli, Fawzi, Frossard 2016, arXiv:1511.04599, algorithm 2 and section 3.3.
    Iterates without overshoot and tests the label with it, as the authors' first code does.

    Deviations: points outside the pixel box are clipped; the overshoot of a hit is bisected and the nearest hit kept; a
    class is not linearised where it could win only if its gradient had grown by more than `screen` since it was last seen;
    targeted goals head for the boundary between the target and the likeliest other class.

    Args:
        steps: most linearisations.
        candidates: how many of the likeliest classes are tried, the paper's n.
        overshoot: share by which the sum of the steps is lengthened.
        halvings: bisections of the overshoot once the label has changed; 0 keeps the paper's point.
        screen: that share. The first step linearises every candidate; a large number does so at every step.
        boxed: step onto the hyperplane within the pixel box; None does so in l1 only, see `Threat.cross`.
    """

    minimum_norm = True
    starts_at_input = True
    norms = ("linf", "l2", "l1")

    steps: int = 50
    candidates: int = 10
    overshoot: float = 0.02
    halvings: int = 3
    screen: float = 0.25
    boxed: bool | None = None

    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:
        s = ask.keep(x=x0, lengths=x0.new_zeros(len(x0), 0))
        for _ in ask.steps(self.steps):
            nearest = nearest_boundary(ask, s.x, threat.norm, self.candidates, self.screen, s.lengths)
            s.lengths = nearest.lengths
            ask.retire(ask.hit)
            s.x = s.threat.cross(s.x, nearest.w, nearest.gap, boxed=self.boxed)
            crossed = ask.met(threat.clip(s.x0 + (1 + self.overshoot) * (s.x - s.x0)))
            self._draw_back(ask, s, crossed)
            ask.retire(crossed)
        return s.x

    def _draw_back(self, ask: Oracle, s: Kept, crossed: Tensor) -> None:
        """Bisect the overshoot of the rows that crossed; the oracle keeps the nearest hit."""
        low = s.x.new_zeros(len(s.x))
        high = torch.full_like(low, self.overshoot)
        for _ in range(self.halvings):
            middle = (low + high) / 2
            hit = ask.met(s.threat.clip(s.x0 + rows(1 + middle, s.x) * (s.x - s.x0)), where=crossed)
            low, high = torch.where(hit, low, middle), torch.where(hit, middle, high)
