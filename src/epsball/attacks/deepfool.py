"""DeepFool for any number of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.boundary import nearest_boundary
from epsball.geometry import rows
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.oracle.rows import State
    from epsball.settings import Number

_USUAL_STEPS = 2


@dataclass(frozen=True)
class DeepFool(Attack):
    """Step onto the nearest of the linearised boundaries, argmin_k |f'_k| / |w'_k|_q, until the label changes.

    f'_k = f_k - f_y, w'_k = ∇f_k - ∇f_y, r_i = |f'_l| / |w'_l|_q^q |w'_l|^(q-1) sign w'_l, x <- x + r_i; the sum of the steps is
    multiplied by 1 + overshoot. Moosavi-Dezfooli, Fawzi, Frossard 2016, arXiv:1511.04599, algorithm 2 and section 3.3.
    Iterates without overshoot and tests the label with it, as the authors' first code does.

    Deviations: points outside the pixel box are clipped; the overshoot of a success is bisected and the nearest success kept; a
    class is not linearised where it could win only if its gradient had grown by more than `screen` since it was last seen;
    targeted goals head for the boundary between the target and the likeliest other class.

    Args:
        steps: most linearisations.
        candidates: how many of the likeliest classes are tried, the paper's n.
        overshoot: fraction by which the sum of the steps is lengthened.
        halvings: bisections of the overshoot once the label has changed; 0 keeps the paper's point.
        screen: that fraction. The first step linearises every candidate; a large number does so at every step.
        boxed: step onto the hyperplane within the pixel box; None does so in l1 only, see `Threat.cross`.
    """

    name = "deepfool"
    minimum_norm = True
    starts_at_input = True
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")

    steps: int = positive(50)
    candidates: int = positive(10)
    overshoot: Number = nonnegative(0.02)
    halvings: int = nonnegative(3)
    screen: Number = nonnegative(0.25, infinite=True)
    boxed: bool | None = None

    @property
    def expected_passes(self) -> float:
        return _USUAL_STEPS * (1 + self.candidates)

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, lengths=None)
        for _ in ask.steps(self.steps):
            nearest = nearest_boundary(ask, s.x, ask.threat.norm, self.candidates, self.screen, s.lengths)
            s.lengths = nearest.lengths
            ask.retire(ask.success)
            s.x = ask.threat.cross(s.x, nearest.w, nearest.gap, boxed=self.boxed)
            crossed = ask.met(ask.threat.clip(ask.x0 + (1 + self.overshoot) * (s.x - ask.x0)))
            self._draw_back(ask, s, crossed)
            ask.retire(crossed)
        return s.x

    def _draw_back(self, ask: Oracle, s: State, crossed: Tensor) -> None:
        """Bisect the overshoot of the rows that crossed; the oracle keeps the nearest success."""
        low = s.x.new_zeros(len(s.x))
        high = torch.full_like(low, self.overshoot)
        for _ in range(self.halvings):
            middle = (low + high) / 2
            success = ask.met(ask.threat.clip(ask.x0 + rows(1 + middle, s.x) * (s.x - ask.x0)), where=crossed)
            low, high = torch.where(success, low, middle), torch.where(success, middle, high)
