"""DeepFool for any number of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.boundary import nearest_boundary

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle import Oracle
    from epsball.threat import Threat


@dataclass(frozen=True)
class DeepFool(Attack):
    """Step onto the nearest of the linearised boundaries, argmin_k |f'_k| / |w'_k|_q, until the label changes.

    f'_k = f_k - f_y, w'_k = ∇f_k - ∇f_y, r_i = |f'_l| / |w'_l|_q^q |w'_l|^(q-1) sign w'_l, x <- x + r_i; the sum of the steps is
    multiplied by 1 + overshoot. Moosavi-Dezfooli, Fawzi, Frossard 2016, arXiv:1511.04599, algorithm 2 and section 3.3.
    Iterates without overshoot and tests the label with it, as the authors' first code does.

    Deviations: points outside the pixel box are clipped; a hit is also tried at a tenth of the overshoot and the nearer one kept; a
    class is not linearised where its boundary would have to come nearer by more than `screen` to win (0 linearises every candidate);
    targeted goals head for the boundary between the target and the likeliest other class.

    Args:
        steps: most linearisations.
        candidates: how many of the likeliest classes are tried, the paper's n.
        overshoot: share by which the sum of the steps is lengthened.
        screen: a class is passed over if its boundary is farther than the nearest known one even when its gradient is longer by this
            share than at the last step (before the second step: than the nearest boundary's gradient). Infinity tries all.
        boxed: step onto the hyperplane within the pixel box; None does so in l1 and l0 only, see `Threat.cross`.
    """

    minimum_norm = True
    starts_at_input = True
    norms = ("linf", "l2", "l1")

    steps: int = 50
    candidates: int = 10
    overshoot: float = 0.02
    screen: float = 0.5
    boxed: bool | None = None

    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:
        s = ask.keep(x=x0, lengths=x0.new_zeros(len(x0), 0))
        for _ in ask.steps(self.steps):
            nearest = nearest_boundary(ask, s.x, threat.norm, self.candidates, self.screen, s.lengths)
            s.lengths = nearest.lengths
            ask.retire(ask.hit)
            s.x = s.threat.cross(s.x, nearest.w, nearest.gap, boxed=self.boxed)
            far = ask.met(threat.clip(s.x0 + (1 + self.overshoot) * (s.x - s.x0)))
            ask.met(threat.clip(s.x0 + (1 + self.overshoot / 10) * (s.x - s.x0)), where=far)
            ask.retire(far)
        return s.x
