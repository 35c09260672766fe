"""The fast gradient sign method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.losses import Loss, cross_entropy
from epsball.settings import Named

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class FGSM(Attack):
    """x = x0 + argmax over |r| <= ε of <∇J(x0, y), r>; in linf that is x0 + ε sign ∇J(x0, y) (eq. 6 of the paper).

    Goodfellow, Shlens, Szegedy 2014, arXiv:1412.6572. Deviations: the other norms, by the same linear maximisation; the pixel box is
    part of the maximisation instead of a clip afterwards, which is the same in linf.

    Args:
        loss: what is linearised.
    """

    single_step = True
    starts_at_input = True

    loss: Named[Loss] = Named(cross_entropy)

    @property
    def expected_passes(self) -> float:
        return 2

    def run(self, ask: Oracle) -> Tensor:
        _, g = ask.gradient(ask.x0, self.loss)
        return ask.threat.furthest(g, ask.x0)
