"""Pointwise: features set back one after the other, for as long as the point stays an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.adversarial_start import adversarial_start
from epsball.attacks.parts.salted import salted
from epsball.geometry import rows
from epsball.oracle.access import Access
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


_STEPS, _HALVINGS = 20, 5
"""Fractions of salt and pepper tried in a draw, and bisections after them."""


@dataclass(frozen=True)
class Pointwise(Attack):
    """x_i <- x0_i in a random order of i, kept if x is still an error; over and over until none can be set back.

    Schott, Rauber, Bethge, Brendel 2019, arXiv:1805.09190, section 4.1: begins at the least salt and pepper that is an error.
    Deviations: at uniform noise where there is none; values that stay are not moved towards x0, which l0 does not see.

    Args:
        rounds: orders of all features, at most.
        draws: of salt and pepper.
        tries: noise images tried to find a first error.
    """

    access = Access.LABELS
    minimum_norm = True
    norms: ClassVar[tuple[str, ...]] = ("l0",)
    may_fail = True
    accepts_start = True

    rounds: int = positive(5)
    draws: int = positive(200)
    tries: int = positive(200)

    def run(self, ask: Oracle) -> Tensor:
        start = ask.start()
        if start is ask.x0:
            salted(ask, self.draws, _STEPS, _HALVINGS)
            start = ask.best
        s = ask.keep(x=adversarial_start(ask, self.tries, start), changed=torch.ones_like(ask.live), order=None)
        size = ask.x0[0].numel()
        for step in ask.steps(self.rounds * size):
            if step % size == 0:
                ask.retire(~s.changed)
                s.order, s.changed = ask.draw().uniform(size).argsort(1), torch.zeros_like(s.changed)
            at = s.order[:, step % size : step % size + 1]
            back, flat = ask.x0.flatten(1).gather(1, at), s.x.flatten(1)
            x = flat.scatter(1, at, back).reshape(s.x.shape)
            hit = ask.met(x, where=(flat.gather(1, at) != back).squeeze(1))
            s.x, s.changed = torch.where(rows(hit, x).bool(), x, s.x), s.changed | hit
        return s.x
