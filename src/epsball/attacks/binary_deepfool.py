"""DeepFool for two classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from epsball.attacks.base import Attack
from epsball.attacks.parts.boundary import AIM
from epsball.losses import margin
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.goal import Goal
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class BinaryDeepFool(Attack):
    """r_i = -f(x_i) / |∇f(x_i)|² ∇f(x_i), x <- x + r_i, until the sign of f changes (eqs. 7 and 8 of the paper).

    Moosavi-Dezfooli, Fawzi, Frossard 2016, arXiv:1511.04599, algorithm 1. The other norms take their own shortest step onto the
    hyperplane f + <∇f, r> = 0. Deviations: f is the logit margin, so a network with more classes heads for the likeliest other
    class; points outside the pixel box are clipped; because the sum of the steps ends on the boundary itself, `overshoot` carries
    it across.

    Args:
        steps: most linearisations.
        overshoot: the sum of the steps is multiplied by 1 + overshoot before the decision is tested.
        boxed: step onto the hyperplane within the pixel box; None does so in l1 only, see `Threat.cross`.
    """

    name = "binary-deepfool"
    minimum_norm = True
    starts_at_input = True
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")

    steps: int = positive(50)
    overshoot: Number = nonnegative(1e-3)
    boxed: bool | None = None

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0)
        for _ in ask.steps(self.steps):
            f, w = ask.gradient(s.x, _beyond_rounding)
            s.x = ask.threat.cross(s.x, w, f, boxed=self.boxed)
            ask.retire(ask.met(ask.threat.clip(ask.x0 + (1 + self.overshoot) * (s.x - ask.x0))))
        return s.x


def _beyond_rounding(logits: Tensor, goal: Goal) -> Tensor:
    return margin(logits, goal) - AIM * goal.rounding(logits)
