"""SPSA: Adam along slopes that are estimated from random signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from epsball.attacks.base import Attack
from epsball.attacks.parts.adam import Adam
from epsball.attacks.parts.judged import slope
from epsball.geometry.base import wide
from epsball.losses import Loss, margin
from epsball.oracle.access import Access
from epsball.settings import Named, Number
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class SPSA(Attack):
    """g = mean of (J(x + δv) - J(x - δv)) / (2δ) v over v of {±1}^d; x <- Π(x + Adam(g)).

    Uesato, O'Donoghue, van den Oord, Kohli 2018, arXiv:1802.05666, algorithm 1. Deviations: what the pixel box cuts off x ± δv is left
    out of v.

    Args:
        steps: moves.
        pairs: directions v for each, two queries each.
        radius: δ, in data units; between levels, the distance of two at least.
        length: Adam's step length, in data units.
        loss: J.
    """

    access = Access.SCORES
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    may_fail = True

    steps: int = positive(100)
    pairs: int = positive(64)
    radius: Number = positive(0.01)
    length: Number = positive(0.01)
    loss: Named[Loss] = Named(margin)

    @property
    def expected_passes(self) -> float:
        return self.steps * (2.0 * self.pairs + 1)

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, **Adam.like(wide(ask.x0))._asdict())
        for _ in ask.steps(self.steps):
            g = slope(ask, s.x, self.loss, self.radius, self.pairs, signs=True)
            move, (s.mean, s.square, s.taken) = Adam(s.mean, s.square, s.taken).step(g)
            s.x = ask.threat.project(s.x + self.length * move, ask.x0)
            ask.met(s.x)
        return s.x
