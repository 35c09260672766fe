"""NES: projected gradient steps along slopes that are estimated from normal directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.judged import slope
from epsball.losses import Loss, cross_entropy
from epsball.oracle.access import Access
from epsball.settings import Named, Number
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class NES(Attack):
    """g = mean of (J(x + σu) - J(x - σu)) / (2σ) u over normal u; m <- μ m + (1 - μ) g; x <- Π(x + α sign m).

    Ilyas, Engstrom, Athalye, Lin 2018, arXiv:1804.08598, algorithm 1 and section 3.2. Deviations: J is the cross entropy, whose slope
    has the sign of the probability's; α does not fall; l2 too; what the pixel box cuts off x ± σu is left out of u.

    Args:
        steps: moves.
        pairs: directions u for each, two queries each.
        radius: σ, in data units; between levels, the distance of two at least.
        rate: α as a fraction of ε.
        decay: μ.
        loss: J.
    """

    access = Access.SCORES
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    may_fail = True

    steps: int = positive(200)
    pairs: int = positive(25)
    radius: Number = positive(0.001)
    rate: Number = positive(0.2)
    decay: Number = nonnegative(0.9)
    loss: Named[Loss] = Named(cross_entropy)

    @property
    def expected_passes(self) -> float:
        return self.steps * (2.0 * self.pairs + 1)

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, mean=None)
        s.mean = torch.zeros_like(s.x, dtype=torch.promote_types(s.x.dtype, torch.float32))
        for _ in ask.steps(self.steps):
            g = slope(ask, s.x, self.loss, self.radius, self.pairs)
            s.mean = self.decay * s.mean + (1 - self.decay) * g
            s.x = ask.threat.ascend(s.x, s.mean, self.rate * ask.eps, ask.x0).to(s.x)
            ask.met(s.x)
        return s.x
