"""SimBA: one direction of an orthonormal basis after the other, up or down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.cosines import cosines
from epsball.attacks.parts.judged import judged
from epsball.geometry import rows
from epsball.losses import cross_entropy
from epsball.oracle.access import Access
from epsball.settings import preset
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class SimBA(Attack):
    """x <- x + α q for the first α of (+length, -length) that lowers p_y, with q drawn from a basis without replacement.

    Guo, Gardner, You, Wilson, Weinberger 2019, arXiv:1905.07121, algorithm 1. Deviations: a step that leaves the ball is put back into
    it; once all directions are used up they begin anew.

    Args:
        steps: directions, one or two queries each.
        length: of a step, in data units.
        frequencies: 0 takes single pixels; otherwise cosines of this fraction of the lowest frequencies a side.
    """

    access = Access.SCORES
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    may_fail = True
    accepts_start = True

    steps: int = positive(2500)
    length: Number = positive(0.2)
    frequencies: Number = nonnegative(0.0)

    @property
    def images_only(self) -> bool:  # type: ignore[override] # cosines need two sides
        return self.frequencies > 0

    @property
    def expected_passes(self) -> float:
        return 2.0 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        used, count = self._used(ask.x0)
        s = ask.keep(x=ask.start(), loss=None, order=ask.draw().uniform(count).argsort(1))
        s.loss = judged(ask, s.x, cross_entropy)
        for step in ask.steps(self.steps):
            q, waiting = self._direction(s.x, s.order[:, step % count], used), ask.live
            for length in (self.length, -self.length):
                x = ask.threat.project(s.x + length * q, ask.x0)
                loss = judged(ask, x, cross_entropy, where=waiting)
                better = waiting & (loss > s.loss)
                s.x, s.loss = torch.where(rows(better, x).bool(), x, s.x), torch.where(better, loss, s.loss)
                waiting = waiting & ask.live & ~better
        return s.x

    def _used(self, like: Tensor) -> tuple[list[int], int]:
        """How many frequencies down and right are used, or pixels, and how many directions that makes."""
        if not self.frequencies:
            return [], like[0].numel()
        used = [min(max(round(self.frequencies * size), 1), size) for size in like.shape[2:]]
        return used, like.shape[1] * used[0] * used[1]

    def _direction(self, like: Tensor, number: Tensor, used: list[int]) -> Tensor:
        """The direction of each row's number, of unit length."""
        q = torch.zeros_like(like)
        if not used:
            return q.flatten(1).scatter(1, number[:, None], 1).reshape(like.shape)
        down, right = (cosines(size, like) for size in like.shape[2:])
        wave = down[number // used[1] % used[0]][:, :, None] * right[number % used[1]][:, None, :]
        channel = number // (used[0] * used[1])
        return q.scatter(1, channel[:, None, None, None].expand(-1, 1, *like.shape[2:]), wave[:, None])


@preset
def SimBADct(steps: int = 2500, length: float = 0.2, frequencies: float = 0.125) -> SimBA:  # noqa: N802 - named as the attack it makes
    """Return SimBA along cosines of the lowest frequencies.

    Guo et al. 2019, arXiv:1905.07121, section 3.2. Deviations: those of SimBA, whose arguments these are.
    """
    return SimBA(steps=steps, length=length, frequencies=frequencies)
