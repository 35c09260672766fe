"""Box-constrained L-BFGS: the yardstick that DeepFool was measured against."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.parts.boundary import Boundary, nearest_boundary
from epsball.attacks.parts.segment import draw_back
from epsball.attacks.parts.steady import steady
from epsball.geometry import inner, l2, rows
from epsball.geometry.base import TINY
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from epsball.oracle.forward import Local
    from epsball.oracle.oracle import Oracle

_ARMIJO = 1e-4
_SHARP = 20.0
_FARTHEST = 1e9
"""No boundary is taken to be farther: where gradients vanish, it would be infinitely far."""


@dataclass(frozen=True)
class LBFGS(Attack):
    """Minimise c |r|² + J(x0 + r) over the pixel box, with the largest c whose minimiser is a success, by a search over c per sample.

    Szegedy et al. 2014, arXiv:1312.6199, section 4.1. All samples run side by side: each has its own c, its own step length and its
    own pairs of curvature.

    Deviations: an untargeted goal heads for the class whose linearised boundary is nearest to x0 and J is the cross entropy between
    the label and that class alone, -log sigmoid(z_k - z_y), while any wrong label is a success; a targeted goal has the paper's J =
    -log p_t of a softmax at a twentieth of the first gap, so that at the boundary only the classes that hold it count; loss and
    gradient are rounded to 24 bits, so that a sample fares the same in any batch; the search over c begins where that linearisation
    puts the boundary; the box is kept by projected quasi-Newton steps on the free pixels (Bertsekas 1982) with backtracking; the
    last successes are drawn back along their segment to the boundary; the length is always l2, the distance reported is the threat's.

    Args:
        steps: gradients per constant.
        searches: constants tried per sample.
        memory: pairs of curvature kept.
        checks: bisections of the segment from the input to the best success.
        candidates: how many of the likeliest classes may be the nearest one.
    """

    minimum_norm = True
    measures = "l2"
    starts_at_input = True
    norms: ClassVar[tuple[str, ...]] = ("l2", "linf", "l1")

    steps: int = positive(30)
    searches: int = positive(9)
    memory: int = positive(8)
    checks: int = nonnegative(10)
    candidates: int = positive(10)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps * self.searches + self.checks

    def run(self, ask: Oracle) -> Tensor:
        start = Start.of(nearest_boundary(ask, ask.x0, l2, self.candidates, screen=torch.inf), ask.x0)
        c, x = start.c, start.x
        low, high = torch.zeros_like(c), torch.full_like(c, torch.inf)
        for _ in ask.steps(self.searches):
            x, won = self._minimise(ask, x, c, start)
            low, high = torch.where(won, c, low), torch.where(won, high, c)
            c = torch.where(high.isinf(), 4 * c, torch.where(low == 0, c / 4, (low * high).sqrt()))
        return draw_back(ask, self.checks)

    def _minimise(self, ask: Oracle, x: Tensor, c: Tensor, start: Start) -> tuple[Tensor, Tensor]:
        """Return the minimisers for the constants `c` `(n,)` and whether they are successes."""
        value, g = _objective(ask, x, c, start)
        won, pairs = ask.success, Pairs(self.memory)
        d, t = l2.lmo(-g, start.distance), torch.ones_like(c)
        for _ in ask.steps(self.steps):
            move = (rows(t, x) * d).nan_to_num(0, 0, 0)  # curvature overflows where gradients vanish
            trial = ask.threat.clip(x + move).to(start.x0.dtype).to(x.dtype)
            trial_value, trial_g = _objective(ask, trial, c, start)
            accepted = trial_value <= value + _ARMIJO * inner(g, trial - x)
            pairs.add(trial - x, trial_g - g, accepted)
            keep = rows(accepted, x).bool()
            x, g = torch.where(keep, trial, x), torch.where(keep, trial_g, g)
            value, won = torch.where(accepted, trial_value, value), torch.where(accepted, ask.success, won)
            free = ~(((x <= ask.threat.low) & (g > 0)) | ((x >= ask.threat.high) & (g < 0)))
            d, t = torch.where(keep, pairs.direction(g * free) * free, d), torch.where(accepted, 1.0, t / 4)
        return x, won


class Start(NamedTuple):
    """Where n searches begin.

    Args:
        x0: the inputs in their own type `(n, …)`.
        x: the same in float32 at least `(n, …)`.
        k: the class whose boundary is nearest `(n,)`.
        distance: of that boundary `(n,)`.
        c: of an affine model, the constant whose minimiser lies on the boundary itself `(n,)`.
        heat: of the softmax towards a target `(n,)`.
    """

    x0: Tensor
    x: Tensor
    k: Tensor
    distance: Tensor
    c: Tensor
    heat: Tensor

    @classmethod
    def of(cls, near: Boundary, x0: Tensor) -> Start:
        """Begin at inputs `(n, …)` with their nearest boundary; in few bits, so that a batch's rounding does not show."""
        x = x0.to(torch.promote_types(x0.dtype, torch.float32))
        distance, gap = _coarse(near.distance.to(x.dtype).clamp_max(_FARTHEST)), _coarse(near.gap.to(x.dtype))
        c = (gap / distance.square().clamp_min(TINY) / 4).clamp(TINY, 1 / TINY)
        return cls(x0, x, near.k, distance, c, (gap / _SHARP).clamp_min(TINY))


def _objective(ask: Oracle, x: Tensor, c: Tensor, start: Start) -> tuple[Tensor, Tensor]:
    """Return c |x - x0|² + J(x) `(n,)` and its gradient `(n, …)`."""
    r, at = x - start.x, x.to(start.x0.dtype)
    into = (at.new_zeros(len(x)), torch.zeros_like(at))
    loss, g = ask.local(at, _cross_entropy, start.k, start.heat, into=into)
    return c * inner(r, r) + steady(loss.to(x.dtype)), 2 * rows(c, r) * r + steady(g.to(x.dtype))


def _cross_entropy(local: Local, k: Tensor, heat: Tensor) -> tuple[Tensor, ...]:
    labels = local.goal.labels
    if local.goal.targeted:
        loss = heat * F.cross_entropy(local.logits / heat[:, None], labels, reduction="none")
    else:
        loss = F.softplus((local.logits.gather(1, labels[:, None]) - local.logits.gather(1, k[:, None])).squeeze(1))
    return loss.detach(), local.gradient(loss)


def _coarse(values: Tensor) -> Tensor:
    """The numbers to 16 bits."""
    fraction, exponent = torch.frexp(values)
    return torch.ldexp((fraction * 2**16).round() / 2**16, exponent)


class Pairs:
    """Limited-memory curvature of many functions at once (Nocedal 1980): displacements s and changes of gradient y.

    Args:
        memory: pairs kept.
    """

    def __init__(self, memory: int) -> None:
        self.pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=memory)
        self.scale: Tensor | None = None

    def add(self, s: Tensor, y: Tensor, accepted: Tensor) -> None:
        """Keep a pair `(n, …)` for the rows that moved along positive curvature; for the others it has no weight."""
        curvature = inner(s, y)
        good = accepted & (curvature > torch.finfo(s.dtype).eps * inner(y, y))
        weight = torch.where(good, 1 / curvature.masked_fill(~good, 1), 0)
        scale = torch.where(good, curvature / inner(y, y).clamp_min(TINY), 1 if self.scale is None else self.scale)
        self.scale = scale
        self.pairs.append((s, y, weight))

    def direction(self, g: Tensor) -> Tensor:
        """Return -H g by the two-loop recursion, `(n, …)`."""
        q, passed = g, []
        for s, y, weight in reversed(self.pairs):
            factor = weight * inner(s, q)
            q = q - rows(factor, q) * y
            passed.append(factor)
        q = q if self.scale is None else rows(self.scale, q) * q
        for (s, y, weight), factor in zip(self.pairs, reversed(passed), strict=True):
            q = q + rows(factor - weight * inner(y, q), q) * s
        return -q
