"""Auto-PGD in l1: steps along as many entries of the gradient as the best point is sparse, in balls that shrink to the threat's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.highest import begin_highest, remember_highest, return_to_highest
from epsball.attacks.parts.likeliest import likeliest
from epsball.geometry import l0, l1, rows
from epsball.geometry.base import TINY, wide
from epsball.losses import Loss, cross_entropy, dlr
from epsball.settings import Named, preset
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.oracle.rows import State

_WINDOW = 0.04
"""Between two checkpoints, of the steps in a ball."""
_SPARSER = 0.95
"""From one checkpoint to the next the best point has become sparser if it moves fewer features than this share of the former number."""
_FEWER, _SHORTER, _SHORTEST = 1.5, 1.5, 10.0


@dataclass(frozen=True)
class L1APGD(Attack):
    """x <- Π(x + η sign(g_k) / k), g_k the k largest entries of ∇J, in the balls of m ε, …, 2 ε, ε one after the other.

    At every checkpoint, after 4 % of the steps in a ball, k = |x* - x0|_0 / 1.5 with the best point x*. If that became sparser by
    more than 5 %, η goes back to ε and the row to x*; otherwise η falls by 1.5, at most to ε / 10. A ball begins at x* of the one
    before, put into it; the first at x0 + normal noise, with k = d / 5 where it is the only one. Π is the projection onto ball and
    box. Croce and Hein 2021, arXiv:2103.01208, algorithm 1 and section 4; the balls and their steps, 30, 30 and 40 %, as there.

    Deviations: with `targets`, which APGD-T of AutoAttack has in l1 too, the targeted loss of `losses`.

    Args:
        steps: number of steps in all balls together; one gradient more is taken in each.
        balls: how many balls are searched, the largest m.
        targets: how many of the likeliest classes are headed for, one after the other; 0 for none.
        loss: J.
    """

    norms: ClassVar[tuple[str, ...]] = ("l1",)
    accepts_start = True

    steps: int = positive(100)
    balls: int = positive(3)
    targets: int = nonnegative(0)
    loss: Named[Loss] = Named(cross_entropy)

    @property
    def expected_passes(self) -> float:
        return max(self.targets, 1) * 2 * (self.steps + self.balls)

    def run(self, ask: Oracle) -> Tensor:
        if not self.targets or ask.goal.targeted:
            return self._shrink(ask)
        x = ask.x0
        for run, towards in enumerate(likeliest(ask, self.targets).T):
            ask.restart(elsewhere=run > 0)
            x = ask.finish(self._shrink(ask, towards))
        return x

    def _shrink(self, ask: Oracle, towards: Tensor | None = None) -> Tensor:
        """Search the balls from the largest to the threat's, towards the classes `(n,)` where they are given."""
        s = ask.keep(best=self._start(ask), x=None, f=None, g=None, best_f=None, best_g=None, length=None, moved=None,
                     entries=None, towards=towards)  # fmt: skip
        for radius, steps in self._stages():
            self._ascend(ask, s, radius, steps)
        return s.best

    def _start(self, ask: Oracle) -> Tensor:
        start = ask.start()
        noise = ask.draw().normal(ask.x0[0].numel()).reshape(ask.x0.shape).to(wide(ask.x0))
        return start if start is not ask.x0 else ask.threat.project(ask.x0 + noise, ask.x0, self.balls * ask.eps)

    def _stages(self) -> Iterator[tuple[int, int]]:
        """The radii of the balls, in ε, and the steps in each: nine tenths of them shared among all but the smallest, of three."""
        each = math.ceil(0.9 * self.steps / self.balls) if self.balls > 1 else self.steps
        left = self.steps
        for radius in range(self.balls, 1, -1):
            yield radius, min(each, left)
            left -= min(each, left)
        yield 1, left

    def _ascend(self, ask: Oracle, s: State, radius: int, steps: int) -> None:
        """Search one ball from the best point of the one before."""
        s.x, s.length = ask.threat.project(s.best, ask.x0, radius * ask.eps), radius * wide(ask.eps)
        s.f, s.g = ask.gradient(s.x, self.loss, s.towards)
        begin_highest(s)
        s.moved = l0(wide(s.x - ask.x0))
        s.entries = s.moved / _FEWER
        if self.balls == 1:
            s.moved, s.entries = (torch.full_like(s.moved, share * s.x[0].numel()) for share in (1, 0.2))
        window = max(int(_WINDOW * steps), 1)
        for step in ask.steps(steps):
            signs = _largest(wide(s.g), s.entries).sign()
            move = rows(s.length / l1(signs).clamp_min(TINY), signs) * signs
            s.x = ask.threat.project(s.x + move, ask.x0, radius * ask.eps)
            s.f, s.g = ask.gradient(s.x, self.loss, s.towards)
            remember_highest(s)
            if (step + 1) % window == 0:
                self._adapt(ask, s, radius)

    def _adapt(self, ask: Oracle, s: State, radius: int) -> None:
        """Set the number of entries and the length of the steps by the sparsity of the best point."""
        moved, longest = l0(wide(s.best - ask.x0)), radius * wide(ask.eps)
        sparser = moved < _SPARSER * s.moved
        s.length = torch.where(sparser, longest, (s.length / _SHORTER).maximum(longest / _SHORTEST))
        s.moved, s.entries = moved, moved / _FEWER
        return_to_highest(s, sparser)


@preset
def TargetedL1APGD(steps: int = 100, balls: int = 3, targets: int = 5, loss: Loss | str = dlr) -> L1APGD:  # noqa: N802 - as the attack
    """Return l1-APGD on the targeted DLR loss towards each of the five likeliest classes, as AutoAttack has it in l1.

    Croce and Hein 2021, arXiv:2103.01208, section 4. Deviations and arguments are those of L1APGD.
    """
    return L1APGD(steps=steps, balls=balls, targets=targets, loss=loss)


def _largest(g: Tensor, count: Tensor) -> Tensor:
    """Keep the `count` `(n,)` entries of each row that are largest, rounded up, and those equal to the last of them."""
    size = g.abs().flatten(1)
    last = count.ceil().long().clamp_min(1) - 1
    least = size.sort(1, descending=True).values.gather(1, last[:, None])
    return torch.where(size >= least, g.flatten(1), 0).reshape(g.shape)
