"""SuperDeepFool: DeepFool's steps, corrected by projections onto the boundary's normal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.boundary import nearest_boundary
from epsball.attacks.parts.segment import draw_back
from epsball.geometry import inner, l2, rows
from epsball.geometry.base import TINY, wide
from epsball.losses import margin
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


_STUCK = 1e-6
"""A step leads nowhere if it is shorter than this fraction of the distance from the input."""


@dataclass(frozen=True)
class SuperDeepFool(Attack):
    """DeepFool's steps until the label changes, then x <- x0 + <x - x0, w> / |w|² w, w = ∇(f_k - f_y); until that is a success.

    Abdollahpour, Abroshan, Moosavi-Dezfooli 2023, arXiv:2303.12481, algorithm 2: SDF(∞, 1), k the class at x. As in the authors'
    code, the segment from the input to the success is bisected at the end. Deviations: each step of DeepFool and each projection is
    lengthened by `overshoot`, a step that leads nowhere any more, for three classes meet there, from the input on; points are clipped
    to the box; a class is not linearised where it could win only if its gradient had grown by more than `screen` since it was last
    seen.

    Args:
        steps: most linearisations.
        candidates: how many of the likeliest classes are tried.
        overshoot: fraction by which steps and projections are lengthened.
        halvings: bisections at the end.
        screen: that fraction.
    """

    name = "super-deepfool"
    minimum_norm = True
    starts_at_input = True
    measures = "l2"
    norms: ClassVar[tuple[str, ...]] = ("l2",)

    steps: int = positive(100)
    candidates: int = positive(10)
    overshoot: Number = nonnegative(0.02)
    halvings: int = nonnegative(10)
    screen: Number = nonnegative(0.25, infinite=True)

    @property
    def expected_passes(self) -> float:
        return 5.0 * self.candidates

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, lengths=None, projected=torch.zeros_like(ask.live))
        for _ in ask.steps(self.steps):
            near = nearest_boundary(ask, s.x, l2, self.candidates, self.screen, s.lengths)
            s.lengths, met = near.lengths, ask.success
            _, w = ask.gradient(s.x, margin, where=met & ~s.projected)
            ask.retire(met & s.projected)
            r, w = wide(s.x - ask.x0), wide(w)
            along = (1 + self.overshoot) * inner(r, w) / inner(w, w).clamp_min(TINY)
            projection = ask.threat.clip(ask.x0 + rows(along, w) * w)
            step = ask.threat.cross(s.x, near.w, (1 + self.overshoot) * near.gap)
            stuck = ask.threat.distance(step, s.x) <= _STUCK * ask.threat.distance(s.x, ask.x0)
            longer = ask.threat.clip(ask.x0 + (1 + self.overshoot) * (s.x - ask.x0))
            step = torch.where(rows(stuck, r).bool(), longer, step)
            s.x, s.projected = torch.where(rows(met, r).bool(), projection.to(step.dtype), step), met
        ask.restart()
        return draw_back(ask, self.halvings)
