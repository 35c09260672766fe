"""Spatial transformation: every pixel looks a little beside itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.attacks.parts.adam import Adam
from epsball.attacks.parts.warp import roughness, warped
from epsball.geometry.base import wide
from epsball.losses import Loss, margin
from epsball.settings import Named, Number
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class StAdv(Attack):
    """max over flows f of J(x0 warped by f) - τ sum over neighbours of |f_p - f_q|, until the label changes.

    Xiao et al. 2018, arXiv:1801.02612, eqs. 1 to 4. Deviations: Adam instead of L-BFGS; the first success ends the search. The
    budget is the smoothness: how far the image is, is said by the threat's norm, whose ε need not be finite.

    Args:
        steps: number of gradients.
        smoothness: weight τ of the flow's roughness.
        rate: length of a step, in pixels.
        loss: what is ascended.
    """

    name = "st-adv"
    minimum_norm = True
    may_fail = True
    images_only = True
    starts_at_input = True

    steps: int = positive(100)
    smoothness: Number = nonnegative(0.05)
    rate: Number = positive(0.05)
    loss: Named[Loss] = Named(margin)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        flow = wide(ask.x0).new_zeros(len(ask.x0), 2, *ask.x0.shape[2:])
        s = ask.keep(x=ask.x0, flow=flow, **Adam.like(flow)._asdict())
        for _ in ask.steps(self.steps):
            x, change = warped(ask.x0, s.flow)
            s.x = ask.threat.clip(x).to(ask.x0.dtype)
            _, g = ask.gradient(s.x, self.loss)
            ask.retire(ask.success)
            slope = (wide(g)[:, None] * change).sum(2) - self.smoothness * roughness(s.flow)
            move, (s.mean, s.square, s.taken) = Adam(s.mean, s.square, s.taken).step(slope)
            s.flow = s.flow + self.rate * move
        return s.x
