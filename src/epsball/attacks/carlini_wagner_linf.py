"""Carlini and Wagner's attack in linf: a penalty beyond a threshold that falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.adam import Adam
from epsball.attacks.parts.steady import steady
from epsball.attacks.parts.tanh_space import TanhSpace
from epsball.geometry import linf, rows
from epsball.geometry.base import wide
from epsball.losses import margin
from epsball.validation import positive

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class CarliniWagnerLinf(Attack):
    """Minimise c max(z_y - max_{k != y} z_k, 0) + Σ_i max(|δ_i| - τ, 0) in tanh space; then τ <- 0.9 min(τ, |δ|), and again from there.

    Carlini and Wagner 2016, arXiv:1608.04644, section VI-C. A minimisation is done at a success whose penalty is below 10⁻⁴ c; where
    `patience` steps do not get there, c is doubled and it begins again, and the sample ends once c is above `most`, as in their
    code. Deviations: samples have their own τ, c and step count side by side, with `steps` for all of it together; distances
    are in widths of the box; larger first c and rate than in their code, and a start farther inside the box, as in CarliniWagner.

    Args:
        steps: number of gradients.
        patience: gradients for one c.
        rate: Adam's.
        constant: the first c.
        most: the largest c.
        shrink: the factor by which τ falls.
    """

    name = "carlini-wagner-linf"
    minimum_norm = True
    may_fail = True
    measures = "linf"
    norms: ClassVar[tuple[str, ...]] = ("linf",)

    steps: int = positive(2000)
    patience: int = positive(100)
    rate: Number = positive(0.02)
    constant: Number = positive(0.1)
    most: Number = positive(20.0)
    shrink: Number = positive(0.9)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        space, width = TanhSpace.of(ask), wide(ask.threat.width(ask.x0))
        begin = w = space.enter(ask.x0)
        adam, c, threshold = Adam.like(w), torch.full_like(width, self.constant), torch.ones_like(width)
        x = ask.x0
        for _ in ask.steps(self.steps):
            point, slope = space.leave(w)
            x = ask.threat.clip(point).to(ask.x0.dtype)
            _, g = ask.gradient(x, margin)
            met, r = ask.success, wide(x - ask.x0) / rows(width, w)
            over = r.abs() > rows(threshold, w)
            pull = r.sign() * over / rows(width, w) - rows(torch.where(met, 0, c), w) * wide(g)
            move, adam = adam.step(steady(pull * slope))
            done = met & (((r.abs() - rows(threshold, w)) * over).flatten(1).sum(1) < 1e-4 * c)
            late = ~done & (adam.taken >= self.patience)
            threshold = torch.where(done, self.shrink * threshold.minimum(linf(r)), threshold)
            begin = torch.where(rows(done, w).bool(), w, begin)
            w = torch.where(rows(done | late, w).bool(), begin, w - self.rate * move)
            c, adam = torch.where(late, 2 * c, c), adam.again(done | late)
            ask.retire(c > self.most)
        return x
