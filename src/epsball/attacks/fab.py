"""Fast adaptive boundary: projections onto linearised boundaries, drawn towards the clean input."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.boundary import AIM, nearest_boundary
from epsball.attacks.parts.likeliest import likeliest
from epsball.geometry import inner, rows
from epsball.geometry.base import wide
from epsball.settings import preset
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from epsball.oracle.forward import Local
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number

_NEVER_NEARER = 1e-8
_USUAL_CLASSES = 10


@dataclass(frozen=True)
class FAB(Attack):
    """x <- clip((1 - α) (x + η δ) + α (x0 + η δ0)) with δ, δ0 the shortest moves from x and x0 onto the nearest linearised boundary.

    α = min(|δ| / (|δ| + |δ0|), α_max); after a success x <- (1 - β) x0 + β x. The boundary is argmin_k |f_k - f_y| / |∇f_k - ∇f_y|_q,
    both moves keep to the box. Croce and Hein 2019, arXiv:1907.02044, algorithm 1. With `targets` the moves head for one class after
    the other, the likeliest first, as FAB-T of AutoAttack does (arXiv:2003.01690, section 4), while any wrong label counts. A run
    after the first begins at a random point at half the distance min(|δ*|, ε); with a finite ε, rows with a success are left out.

    Deviations: no final search, as in AutoAttack's version; boundaries are drawn a few roundings behind the true ones; where neither
    a success nor ε is known, a random start is at half the largest distance within the box; a targeted goal heads for its own class.

    Args:
        steps: steps of a run.
        restarts: runs, of each class where there are `targets`.
        targets: how many of the likeliest classes are headed for, one after the other; 0 for the nearest boundary at every step.
        bias: the largest weight α_max of the move from the clean input.
        stretch: the factor η by which both moves are lengthened.
        backward: the fraction β of a success that is kept.
    """

    name = "fab"
    minimum_norm = True
    accepts_start = True
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")

    steps: int = positive(100)
    restarts: int = positive(5)
    targets: int = nonnegative(0)
    bias: Number = nonnegative(0.1)
    stretch: Number = positive(1.05)
    backward: Number = positive(0.9)

    @property
    def expected_passes(self) -> float:
        per_step = 3 * self.targets if self.targets else 1 + _USUAL_CLASSES
        return self.restarts * self.steps * per_step

    def run(self, ask: Oracle) -> Tensor:
        x = ask.x0
        for run, k in enumerate(k for k in self._classes(ask) for _ in range(self.restarts)):
            if run:
                ask.restart(elsewhere=True)
                ask.retire(ask.distance.isfinite() & ask.eps.isfinite())
            x = self._one(ask, ask.start() if run % self.restarts == 0 else _anywhere(ask), k)
        return x

    def _one(self, ask: Oracle, x: Tensor, k: Tensor | None) -> Tensor:
        """One run from `x` `(n, …)` towards the classes `k` `(n,)`, the nearest ones when left out."""
        s = ask.keep(x=x, k=k)
        for _ in ask.steps(self.steps):
            gap, w = _boundary(ask, s.x, s.k)
            onto = ask.threat.cross(s.x, w, gap, boxed=True)
            from_input = ask.threat.cross(ask.x0, w, gap + inner(w, ask.x0 - s.x), boxed=True)
            near, far = (
                ask.threat.distance(*ends).clamp_min(_NEVER_NEARER) for ends in ((onto, s.x), (from_input, ask.x0))
            )
            bias = rows((near / (near + far)).clamp_max(self.bias), s.x)
            moved = s.x + self.stretch * (onto - s.x)
            x = ask.threat.clip((1 - bias) * moved + bias * (ask.x0 + self.stretch * (from_input - ask.x0)))
            met = rows(ask.met(x), x).bool()
            s.x = torch.where(met, ask.x0 + self.backward * (x - ask.x0), x)
        return s.x

    def _classes(self, ask: Oracle) -> list[Tensor | None]:
        if not self.targets or ask.goal.targeted:
            return [None]
        return list(likeliest(ask, self.targets).T)


@preset
def TargetedFAB(steps: int = 100, restarts: int = 1, targets: int = 9) -> FAB:  # noqa: N802 - named as the attack it makes
    """Return FAB-T: FAB towards each of the nine likeliest classes, one run each.

    Croce and Hein 2020, arXiv:2003.01690, section 4. Deviations and arguments are those of FAB.
    """
    return FAB(steps=steps, restarts=restarts, targets=targets)


def _boundary(ask: Oracle, x: Tensor, k: Tensor | None) -> tuple[Tensor, Tensor]:
    """The lead of the label over `k`, or over the class that is nearest, `(n,)`, and its gradient `(n, …)`."""
    if k is None:
        nearest = nearest_boundary(ask, x, ask.threat.norm, candidates=sys.maxsize, screen=torch.inf)
        return nearest.gap, nearest.w
    gap, w = ask.local(x, _towards, k, into=(x.new_zeros(len(x)), torch.zeros_like(x)))
    return gap, w


def _towards(local: Local, k: Tensor) -> tuple[Tensor, ...]:
    own, other = (local.logits.gather(1, at[:, None]).squeeze(1) for at in (local.goal.labels, k))
    gap = own - other + AIM * local.goal.rounding(local.logits)
    return gap.detach(), local.gradient(gap)


def _anywhere(ask: Oracle) -> Tensor:
    """A random point at half the distance that matters."""
    draw, features, norm = ask.draw(), ask.x0[0].numel(), ask.threat.norm
    drawn = 2 * draw.uniform(features) - 1 if norm.name == "linf" else draw.normal(features)
    away = drawn.reshape(ask.x0.shape).to(wide(ask.x0).dtype)
    known = ask.distance.minimum(ask.eps.double())
    half = torch.where(known.isfinite(), known, ask.threat.reach(ask.x0)) / 2
    return ask.threat.clip(ask.x0 + rows(half / norm(away), away) * away).to(ask.x0.dtype)
