"""Elastic-net attack: few features changed, by iterative shrinkage and thresholding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.constants import Constants
from epsball.geometry import rows
from epsball.geometry.base import wide
from epsball.losses import margin
from epsball.validation import positive

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class EAD(Attack):
    """x <- S_β(y - α ∇(c f + |y - x0|²)), y <- x + k / (k + 3) (x - x_before); S_β moves every entry by β towards x0 and clips it.

    Chen, Sharma, Zhang, Yi, Hsieh 2017, arXiv:1709.04114, algorithm 1 and eqs. 7 and 8, with the decision rule of l1, f =
    max(z_y - max_{k != y} z_k, 0), the search over c of Carlini and Wagner and the step α √(1 - k / steps) of the authors' code.
    Deviations: distances are in widths of the box; y is clipped to the box and its decision counts as well; f counts until the label
    has changed beyond rounding; a c whose first step moves nothing beyond β is given up, for no later, shorter one would.

    Args:
        steps: gradients for each c.
        searches: values of c.
        rate: the first step length α.
        constant: the first c.
        shrinkage: the threshold β as a fraction of the box's width.
    """

    name = "ead"
    minimum_norm = True
    may_fail = True
    measures = "l1"
    norms: ClassVar[tuple[str, ...]] = ("l1",)

    steps: int = positive(1000)
    searches: int = positive(9)
    rate: Number = positive(0.01)
    constant: Number = positive(1e-3)
    shrinkage: Number = positive(1e-2)

    @property
    def expected_passes(self) -> float:
        return 3 * self.steps * self.searches

    def run(self, ask: Oracle) -> Tensor:
        c, x = Constants.of(self.constant, wide(ask.x0)), ask.x0
        for _ in ask.steps(self.searches):
            x, met = self._shrink(ask, c.value)
            c = c.after(met)
        return x

    def _shrink(self, ask: Oracle, c: Tensor) -> tuple[Tensor, Tensor]:
        """The last point for the constants `c` `(n,)`, and whether any on the way was a success."""
        x0, width = wide(ask.x0), rows(wide(ask.threat.width(ask.x0)), wide(ask.x0))
        x, y, won, moves = x0, x0, torch.zeros_like(ask.live), ask.live
        for step in ask.steps(self.steps):
            _, g = ask.gradient(y.to(ask.x0.dtype), margin, where=moves)
            met = ask.success & moves
            length = self.rate * (1 - step / self.steps) ** 0.5
            pull = 2 * (y - x0) - width.square() * rows(torch.where(met, 0, c), y) * wide(g)
            r = y - length * pull - x0
            before, x = x, ask.threat.clip(x0 + r.sign() * (r.abs() - self.shrinkage * width).relu())
            if not step:
                moves = (x != x0).flatten(1).any(1)
                if not bool(moves.any()):
                    break
            won = won | met | ask.met(x.to(ask.x0.dtype), where=moves)
            y = ask.threat.clip(x + step / (step + 3) * (x - before))
        return x.to(ask.x0.dtype), won
