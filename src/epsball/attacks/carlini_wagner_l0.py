"""Carlini and Wagner's attack in l0: theirs in l2 on fewer and fewer features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.tanh_space import TanhSpace, minimise
from epsball.geometry import rows
from epsball.geometry.base import wide
from epsball.losses import margin
from epsball.validation import positive

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class CarliniWagnerL0(Attack):
    """Attack in l2, freeze the features with the least g_i δ_i, g = ∇f at the success, and attack again from there, until it fails.

    Carlini and Wagner 2016, arXiv:1608.04644, section VI-B. While the attack fails, c is doubled, up to `most`. As in their code,
    features that changed by less than 1/512 of the box are frozen at once, and of the others 0.3 √n at a time, at least one.
    Deviations: the gradient is that of the nearest success so far; a sample that fails with the largest c ends, and those of a batch
    end one by one; the l2 attack differs as in CarliniWagner.

    Args:
        rounds: most attacks in l2.
        steps: most gradients of each.
        rate: Adam's.
        constant: the first c.
        most: the largest c.
    """

    name = "carlini-wagner-l0"
    minimum_norm = True
    may_fail = True
    measures = "l0"
    norms: ClassVar[tuple[str, ...]] = ("l0",)

    steps: int = positive(200)
    rounds: int = positive(40)
    rate: Number = positive(0.01)
    constant: Number = positive(1e-2)
    most: Number = positive(2e6)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps * self.rounds

    def run(self, ask: Oracle) -> Tensor:
        begin = TanhSpace.of(ask).enter(ask.x0)
        w, c, free = begin, begin.new_full((len(begin),), self.constant), torch.ones_like(begin, dtype=torch.bool)
        x = ask.x0
        for _ in ask.steps(self.rounds):
            x, last, met = minimise(ask, c, w, self.steps, self.rate, free)
            free = torch.where(rows(met, w).bool(), _fewer(ask, free), free)
            w = torch.where(rows(met, w).bool(), TanhSpace.of(ask).enter(ask.best), last)
            c = torch.where(met, c, 2 * c)
            ask.retire((c > self.most) | ~free.flatten(1).any(1))
        ask.retire(ask.live)  # every point has been queried
        return x


def _fewer(ask: Oracle, free: Tensor) -> Tensor:
    """The free features without those that did least for the best success, `(n, …)`."""
    _, g = ask.gradient(ask.best, margin)
    r = wide(ask.best - ask.x0)
    free = free & (r.abs() > rows(ask.threat.width(ask.x0), r) / 512)
    gain = (wide(g) * r).masked_fill(~free, torch.inf).flatten(1)
    drop = (0.3 * free.flatten(1).sum(1).sqrt()).floor().clamp_min(1)
    place = gain.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
    return free & (place >= drop[:, None]).reshape(free.shape)
