"""Bandits: a running guess of the gradient, in coarse tiles, corrected by two queries a step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F

from epsball.attacks.base import Attack
from epsball.attacks.parts.judged import judged
from epsball.geometry import rows
from epsball.geometry.base import TINY
from epsball.losses import Loss, cross_entropy
from epsball.oracle.access import Access
from epsball.settings import Named
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle

_CUBE = {"exploration": 1.0, "radius": 0.1, "rate": 100.0, "length": 0.2}
_SPHERE = {"exploration": 0.01, "radius": 0.01, "rate": 0.1, "length": 0.1}


@dataclass(frozen=True)
class Bandits(Attack):
    """Δ = (J(x + η q₊) - J(x + η q₋)) / (δ η) u, q± = unit(v ± δ u); v <- v + h Δ, x <- Π(x + step along v).

    Ilyas, Engstrom, Madry 2018, arXiv:1807.07978, algorithms 2 and 3 with both priors: v is kept from step to step and is the same in
    all pixels of a tile. In linf v moves by exponentiated gradients, in l2 by plain ones; δ, η, h are those of the authors' table, by
    norm. Deviations: J is ascended, not its negative descended; the step is 0.2 ε in linf and ε / 10 in l2, the authors' at their ε.

    Args:
        steps: moves; three queries each, one of them for the decision.
        tiles: tiles a side.
        loss: J.
    """

    access = Access.SCORES
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    images_only = True
    may_fail = True

    steps: int = positive(1500)
    tiles: int = positive(8)
    loss: Named[Loss] = Named(cross_entropy)

    @property
    def expected_passes(self) -> float:
        return 3.0 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        cube, kind = ask.threat.norm.separable, ask.eps.dtype
        known = _CUBE if cube else _SPHERE
        n, channels, height, width = ask.x0.shape
        down, right = min(self.tiles, height), min(self.tiles, width)
        s = ask.keep(x=ask.x0, prior=torch.zeros(n, channels, down, right, dtype=kind, device=ask.x0.device))
        for _ in ask.steps(self.steps):
            u = ask.draw().normal(s.prior[0].numel()).to(kind).reshape(s.prior.shape) / math.sqrt(
                height * width * channels
            )
            rise = self._rise(ask, s.x, s.prior, known["exploration"] * u, known["radius"])
            g = rows(rise / (known["exploration"] * known["radius"]), u) * u
            s.prior = _exponentiated(s.prior, known["rate"] * g) if cube else s.prior + known["rate"] * g
            s.x = ask.threat.ascend(s.x, _spread(s.prior, s.x), known["length"] * ask.eps, ask.x0).to(s.x)
            ask.met(s.x)
        return s.x

    def _rise(self, ask: Oracle, x: Tensor, prior: Tensor, u: Tensor, radius: float) -> Tensor:
        """By how much the loss grows from v - δu to v + δu, `(n,)`."""
        points = []
        for guess in (prior + u, prior - u):
            q = _spread(guess, x)
            q = q / rows(q.flatten(1).norm(dim=1).clamp_min(TINY), q)
            points.append(ask.threat.clip(x + radius * q).to(x.dtype))
        up, down = judged(ask, torch.stack(points, 1), self.loss).to(u).unbind(1)
        return up - down


def _exponentiated(prior: Tensor, step: Tensor) -> Tensor:
    """Exponentiated gradients between -1 and 1: ((1 + v) e^s - (1 - v) e^-s) / ((1 + v) e^s + (1 - v) e^-s) = tanh(atanh v + s)."""
    inside = 1 - torch.finfo(prior.dtype).eps
    return (torch.atanh(inside * prior) + step).tanh()


def _spread(prior: Tensor, like: Tensor) -> Tensor:
    """Give every pixel the value of its tile."""
    return F.interpolate(prior, size=like.shape[2:], mode="nearest")
