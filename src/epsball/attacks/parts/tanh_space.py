"""The box as the image of all of space under tanh, and the l2 attack there that Carlini and Wagner's attacks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from epsball.attacks.parts.adam import Adam
from epsball.attacks.parts.steady import steady
from epsball.geometry import inner, rows
from epsball.geometry.base import TINY, wide
from epsball.losses import margin
from epsball.oracle.answers import gradient_of

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle

_INSIDE = 0.99
"""The search begins this far from the middle towards the input: on a limit of the box tanh has no slope and its inverse is infinite."""
_CHECKS = 10
_PROGRESS = 0.9999


class TanhSpace(NamedTuple):
    """x = middle + half tanh(w).

    Args:
        middle: of the box, `(n, …)`.
        half: half its width, `(n, …)`.
    """

    middle: Tensor
    half: Tensor

    @classmethod
    def of(cls, ask: Oracle) -> TanhSpace:
        """Return the space of the rows held."""
        x = wide(ask.x0)
        low, high = (torch.as_tensor(v, dtype=x.dtype, device=x.device) for v in (ask.threat.low, ask.threat.high))
        return cls(((low + high) / 2).expand_as(x), ((high - low) / 2).expand_as(x))

    def enter(self, x: Tensor) -> Tensor:
        """Return w for points of the box `(n, …)`."""
        return ((wide(x) - self.middle) / self.half.clamp_min(TINY) * _INSIDE).atanh()

    def leave(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and its derivative to w, `(n, …)` each."""
        t = w.tanh()
        return self.middle + self.half * t, self.half * (1 - t.square())


class Minimised(NamedTuple):
    """Where a minimisation ended.

    Args:
        x: the last points, `(n, …)`.
        w: the same in the space of tanh, `(n, …)`.
        met: whether any point on the way was a success, `(n,)`.
    """

    x: Tensor
    w: Tensor
    met: Tensor


def minimise(ask: Oracle, c: Tensor, w: Tensor, steps: int, rate: float, free: Tensor | None = None) -> Minimised:
    """Minimise |x - x0|² + c max(z_y - max_{k != y} z_k, 0) over w by Adam; a row ends early when its loss no longer falls.

    Args:
        ask: the oracle.
        c: weight of the loss, `(n,)`; distances are in widths of the box.
        w: where to begin, `(n, …)`.
        steps: most gradients.
        rate: Adam's.
        free: the features that may change, `(n, …)`; all when left out.
    """
    space, adam, width = TanhSpace.of(ask), Adam.like(w), wide(ask.threat.width(ask.x0))
    searching, won = ask.live, torch.zeros_like(ask.live)
    before, x = torch.full_like(width, torch.inf), ask.x0
    for step in range(steps):
        point, slope = space.leave(w)
        x = ask.threat.clip(point if free is None else torch.where(free, point, ask.x0)).to(ask.x0.dtype)
        value, g = ask.local(x, gradient_of(margin), into=(x.new_zeros(len(x)), torch.zeros_like(x)), where=searching)
        met, r = ask.success & searching, wide(x - ask.x0) / rows(width, w)
        won = won | met
        loss = inner(r, r) + c * torch.where(met, 0, (-wide(value)).clamp_min(0))
        if step % max(steps // _CHECKS, 1) == 0:
            searching, before = searching & (loss <= _PROGRESS * before), loss
            if not bool(searching.any()):
                break
        pull = steady((2 * r / rows(width, w) - rows(torch.where(met, 0, c), w) * wide(g)) * slope)
        move, adam = adam.step(pull if free is None else pull * free)
        w = torch.where(rows(searching, w).bool(), w - rate * move, w)
    return Minimised(x, w, won)
