"""σ-zero: gradients of a smooth count of the features changed, and a threshold that follows the successes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.adam import Adam
from epsball.attacks.parts.schedules import cosine
from epsball.attacks.parts.steady import steady
from epsball.geometry import linf, rows
from epsball.geometry.base import TINY, wide
from epsball.losses import margin
from epsball.validation import positive

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class SigmaZero(Attack):
    """δ <- clip(δ - η Adam(g / |g|_∞)), g = ∇(max(z_y - max_{k != y} z_k, 0) + 1/d Σ_i δ_i² / (δ_i² + σ)); entries below τ become 0.

    τ rises by t η after a success and falls by as much after a failure; η falls by a cosine. Cinà, Villani, Pintor, Schönherr, Biggio,
    Pelillo 2024, arXiv:2402.01879, algorithm 1; Adam's moments, and an η that falls to a tenth, are those of the authors' code.
    Deviations: δ is in widths of the box; the loss counts until the label has changed beyond rounding.

    Args:
        steps: number of gradients.
        first: the first step length η as a fraction of the box's width.
        smoothing: σ.
        threshold: the first τ as a fraction of the box's width.
        change: the fraction t of a step by which τ changes.
    """

    name = "sigma-zero"
    minimum_norm = True
    accepts_start = True
    measures = "l0"
    norms: ClassVar[tuple[str, ...]] = ("l0",)

    steps: int = positive(1000)
    first: Number = positive(1.0)
    smoothing: Number = positive(1e-3)
    threshold: Number = positive(0.3)
    change: Number = positive(0.01)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        width = wide(ask.threat.width(ask.x0))
        adam = Adam.like(wide(ask.x0))._asdict()
        s = ask.keep(x=ask.start(), width=width, threshold=torch.full_like(width, self.threshold), **adam)
        for step in ask.steps(self.steps):
            _, gain = ask.gradient(s.x, margin)
            length = cosine(self.first, self.first / 10, step, self.steps)
            wider = self.change * length
            s.threshold = torch.where(ask.success, s.threshold + wider, (s.threshold - wider).relu())
            width = rows(s.width, wide(s.x))
            r = wide(s.x - ask.x0) / width
            count = 2 * r * self.smoothing / (r.square() + self.smoothing).square() / r[0].numel()
            g = count - rows(~ask.success, r) * wide(gain) * width
            g = steady(g / rows(linf(g).clamp_min(TINY), r))
            move, (s.mean, s.square, s.taken) = Adam(s.mean, s.square, s.taken).step(g)
            r = ask.threat.clip(ask.x0 + (r - length * move) * width) - ask.x0
            s.x = (ask.x0 + r * (r.abs() >= rows(s.threshold, r) * width)).to(ask.x0.dtype)
        return s.x
