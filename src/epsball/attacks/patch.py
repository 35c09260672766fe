"""An adversarial patch: a square of the image that may have any values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from epsball.attacks.base import Attack
from epsball.losses import Loss, sharpened_cross_entropy
from epsball.settings import Named, Number
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class Patch(Attack):
    """x <- clip(x + α (high - low) sign ∇J(x)) inside a square, x0 outside; the square where |∇J(x0)|_1 is largest.

    Karmon, Zoran, Goldberg 2018, arXiv:1801.02608: a visible patch for one image. Deviations: signed steps that fall linearly to 0, the
    place by the gradient. The budget is the square; the threat's norm says how far its points are, and its ε need not be finite.

    Args:
        side: of the square, as a fraction of the image's sides.
        steps: number of gradients.
        rate: length α of the first step, as a fraction of the range.
        loss: what is ascended.
    """

    minimum_norm = True
    may_fail = True
    images_only = True
    starts_at_input = True

    side: Number = positive(0.3)
    steps: int = positive(40)
    rate: Number = positive(0.25)
    loss: Named[Loss] = Named(sharpened_cross_entropy)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, inside=None)
        for step in ask.steps(self.steps):
            _, g = ask.gradient(s.x, self.loss)
            ask.retire(ask.success)
            s.inside = _square(g, self.side) if s.inside is None else s.inside
            span = torch.as_tensor(ask.threat.high - ask.threat.low).to(s.x)
            length = self.rate * (1 - step / self.steps)
            s.x = ask.threat.clip(s.x + length * span * g.sign() * s.inside)
        return s.x


def _square(g: Tensor, side: float) -> Tensor:
    """Return 1 inside the square of each image that holds the largest sum of |g|, and 0 outside, `(n, 1, H, W)`."""
    size = [max(1, round(side * length)) for length in g.shape[-2:]]
    sums = F.avg_pool2d(g.abs().sum(1, keepdim=True), size, stride=1)
    first = torch.zeros_like(sums).flatten(1).scatter(1, sums.flatten(1).argmax(1, keepdim=True), 1).reshape(sums.shape)
    down, across = (length - 1 for length in size)
    return F.max_pool2d(F.pad(first, (across, across, down, down)), size, stride=1)
