"""Primal-dual proximal gradient descent: steps to the boundary, each followed by a shrinking of the whole difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.schedules import geometric
from epsball.geometry import l1, l2, linf, rows
from epsball.geometry.base import TINY, wide
from epsball.losses import margin
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number

_DUAL = {"linf": l1, "l2": l2, "l1": linf}


@dataclass(frozen=True)
class PDPGD(Attack):
    """δ <- prox(δ + α ∇L / |∇L|_2) with prox(v) = argmin_u |u - v|²/2 + α λ |∇L|_q / |∇L|_2 |u|_p, L = max_{k != y} z_k - z_y.

    λ weighs the norm against the constraint that the label changes: log λ rises by `dual` after a success and falls by it else. As the
    step and the prox are in balance on the nearest point of a linear boundary at λ = 1, whatever the norm, one set of lengths suits
    all. prox(v) = v - Π(v) with Π onto the ball of the dual norm of the radius that stands before |u|_p; in l0, entries up to α λ are
    dropped. Matyasko and Chau 2021, arXiv:2106.01538: the proxy Lagrangian, whose dual player sees successes and whose primal one the
    margin, and the proximal step. Deviations: λ is a ratio of the paper's two weights, its step a multiplication without average;
    gradients are normalised as above; α and the dual step fall geometrically; after the prox the point is clipped to the box.

    Args:
        steps: number of gradients.
        first: length α of the first step as a fraction of the box's width.
        last: length of the last one.
        weight: λ at first.
        dual: by how much log λ changes at first.
        last_dual: by how much it changes at last.
    """

    name = "pdpgd"
    minimum_norm = True
    accepts_start = True

    steps: int = positive(500)
    first: Number = positive(1.0)
    last: Number = positive(0.003)
    weight: Number = positive(0.3)
    dual: Number = positive(0.3)
    last_dual: Number = positive(0.1)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        width = ask.threat.width(ask.x0)
        s = ask.keep(x=ask.start(), width=width, weight=torch.full_like(width, self.weight))
        for step in ask.steps(self.steps):
            g = wide(ask.gradient(s.x, margin)[1])
            g = g / rows(linf(g).clamp_min(TINY), g)  # squares of a huge gradient would be infinite in single precision
            change = geometric(self.dual, self.last_dual, step, self.steps)
            s.weight = s.weight * torch.where(ask.success, change, -change).exp()
            size = l2(g).clamp_min(TINY)
            length = geometric(self.first, self.last, step, self.steps) * s.width
            ahead = wide(s.x) - wide(ask.x0) + rows(length / size, g) * g
            s.x = ask.threat.clip(wide(ask.x0) + self._shrunk(ask, ahead, length * s.weight, g)).to(ask.x0.dtype)
        return s.x

    def _shrunk(self, ask: Oracle, v: Tensor, length: Tensor, g: Tensor) -> Tensor:
        """The prox of the norm at `v` `(n, …)`."""
        norm = ask.threat.norm
        if norm.name not in _DUAL:
            return torch.where(v.abs() > rows(length, v), v, 0.0)
        return v - _DUAL[norm.name].project(v, length * norm.dual(g) / l2(g).clamp_min(TINY))
