"""SparseFool: few features, moved onto the hyperplane that touches the boundary where DeepFool meets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.boundary import nearest_boundary
from epsball.attacks.parts.segment import draw_back
from epsball.geometry import inner, l1, l2, rows
from epsball.geometry.base import wide
from epsball.losses import margin
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class SparseFool(Attack):
    """Find z beyond the boundary by DeepFool from x, w = ∇(f_k - f_y)(z), and move x onto <w, x - x_B> = 0, x_B = x + λ (z - x).

    The move spends itself on the largest |w_i| first, each feature up to its limit: the shortest one in l1 within the box. That is
    repeated until the label changes. Modas, Moosavi-Dezfooli, Frossard 2018, arXiv:1811.02248, algorithms 1 and 2; k is the class at
    z. Deviations: DeepFool's steps keep to the box, each is lengthened by `overshoot`, and they count together with the moves;
    features may move again in a later round; the segment from the input to the success is bisected at the end.

    Args:
        steps: most linearisations.
        candidates: how many of the likeliest classes DeepFool tries.
        control: the factor λ by which the move to the boundary is lengthened: larger ones take fewer rounds and
            more features. The paper's experiments on ImageNet have 3.
        overshoot: fraction by which DeepFool's steps are lengthened.
        halvings: bisections at the end.
        screen: a class is not linearised where it could win only if its gradient had grown by more than this fraction.
    """

    name = "sparse-fool"
    minimum_norm = True
    starts_at_input = True
    norms: ClassVar[tuple[str, ...]] = ("l1", "l0")

    steps: int = positive(100)
    candidates: int = positive(10)
    control: Number = positive(1.0)
    overshoot: Number = nonnegative(0.02)
    halvings: int = nonnegative(10)
    screen: Number = nonnegative(0.25, infinite=True)

    @property
    def expected_passes(self) -> float:
        return 5.0 * self.candidates

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, z=ask.x0, lengths=None, moved=torch.ones_like(ask.live))
        for _ in ask.steps(self.steps):
            near = nearest_boundary(ask, s.z, l2, self.candidates, self.screen, s.lengths)
            s.lengths, met = near.lengths, ask.success
            ask.retire(met & s.moved)
            _, w = ask.gradient(s.z, margin, where=met & ~s.moved)
            x, z, w = wide(s.x), wide(s.z), wide(w)
            missing = -self.control * inner(w, z - x)
            onto = x + l1.onto_hyperplane(w, missing, ask.threat.low - x, ask.threat.high - x)
            gap = (1 + self.overshoot) * wide(near.gap)
            beyond = z + l2.onto_hyperplane(wide(near.w), gap, ask.threat.low - z, ask.threat.high - z)
            s.z = ask.threat.clip(torch.where(rows(met, x).bool(), onto, beyond)).to(s.z.dtype)
            s.x, s.moved = torch.where(rows(met, x).bool(), s.z, s.x), met
        ask.restart()
        return draw_back(ask, self.halvings)
