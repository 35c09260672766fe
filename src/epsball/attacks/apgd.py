"""Auto-PGD: projected ascent whose step halves when it stops paying, towards any class or one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.highest import begin_highest, remember_highest, return_to_highest
from epsball.attacks.parts.likeliest import likeliest
from epsball.losses import Loss, cross_entropy, dlr
from epsball.settings import Named, Number
from epsball.validation import positive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.oracle.rows import State

_WINDOWS = 0.22, 0.03, 0.06
"""The first window between two checkpoints, by how much each is shorter than the one before, and the shortest; of all steps."""


@dataclass(frozen=True)
class APGD(Attack):
    """z <- Π(x_t + η d(∇J)); x_{t+1} <- Π(x_t + α (z - x_t) + (1 - α)(x_t - x_{t-1})), from a random start with η = 2ε.

    At the checkpoints p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06) of the steps, η is halved and the row goes back to its best
    point if J rose in at most ρ of the steps since the last one, or if neither η nor the largest J has changed since it. The first step
    has α = 1. Croce and Hein 2020, arXiv:2003.01690, algorithm 1.

    Deviations: d is the best step of the norm within the pixel box; the start is uniform in ball and box; windows are those of the
    authors' code, which cuts each to a whole number of steps. In l1 there is `L1APGD`.

    Args:
        steps: number of steps; one gradient more is taken.
        loss: J.
        inertia: the paper's α, the share of the new step; the rest is the last move.
        rho: the paper's ρ.
    """

    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    accepts_start = True

    steps: int = positive(100)
    loss: Named[Loss] = Named(cross_entropy)
    inertia: Number = positive(0.75)
    rho: Number = positive(0.75)

    @property
    def expected_passes(self) -> float:
        return 2 * (self.steps + 1)

    def run(self, ask: Oracle) -> Tensor:
        return self._ascend(ask)

    def _ascend(self, ask: Oracle, towards: Tensor | None = None) -> Tensor:
        """Run the algorithm, towards the classes `towards` `(n,)` where they are given."""
        x = ask.start(random=True)
        f, g = ask.gradient(x, self.loss, towards)
        s = ask.keep(x=x, last=x, g=g, f=f, best=None, best_g=None, best_f=None, rises=torch.zeros_like(f), seen_f=f,
                     halved=torch.zeros_like(f), length=2 * ask.eps.to(f), towards=towards)  # fmt: skip
        begin_highest(s)
        for step, window in zip(ask.steps(self.steps), windows(self.steps), strict=False):
            share = self.inertia if step else 1.0
            z = ask.threat.ascend(s.x, s.g, s.length, ask.x0)
            s.x, s.last = ask.threat.project(s.x + share * (z - s.x) + (1 - share) * (s.x - s.last), ask.x0), s.x
            before = s.f
            s.f, s.g = ask.gradient(s.x, self.loss, s.towards)
            s.rises = s.rises + (s.f > before)
            remember_highest(s)
            if window:
                self._halve(s, window)
        return s.best

    def _halve(self, s: State, window: int) -> None:
        """Halve the steps that no longer pay, at a checkpoint after `window` steps."""
        halve = (s.rises <= self.rho * window) | ((s.halved == 0) & (s.seen_f >= s.best_f))
        s.length = torch.where(halve, s.length / 2, s.length)
        return_to_highest(s, halve)
        s.rises, s.halved, s.seen_f = torch.zeros_like(s.f), halve.to(s.f), s.best_f


@dataclass(frozen=True)
class TargetedAPGD(APGD):
    """APGD on the targeted DLR loss, towards one of the likeliest classes after the other; any wrong label ends the search.

    Croce and Hein 2020, arXiv:2003.01690, section 4 (APGD-T). Deviations: those of `APGD` and `losses.dlr`; where the goal is targeted,
    its class is the only one.

    Args:
        steps, loss, inertia, rho: of each run of APGD.
        classes: how many classes are tried.
    """

    loss: Named[Loss] = Named(dlr)
    classes: int = positive(9)

    @property
    def expected_passes(self) -> float:
        return 1 + self.classes * 2 * (self.steps + 1)

    def run(self, ask: Oracle) -> Tensor:
        if ask.goal.targeted:
            return self._ascend(ask)
        x = ask.x0
        for run, towards in enumerate(likeliest(ask, self.classes).T):
            ask.restart(elsewhere=run > 0)
            x = ask.finish(self._ascend(ask, towards))
        return x


def windows(steps: int) -> Iterator[int]:
    """For every step the length of the window that ends with it, else 0."""
    window, less, least = (max(int(share * steps), 1) for share in _WINDOWS)
    while True:
        yield from (0 for _ in range(window - 1))
        yield window
        window = max(window - less, least)
