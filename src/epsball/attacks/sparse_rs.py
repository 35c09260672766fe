"""Sparse-RS: random search over few pixels at the corners of the colour cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.geometry import rows
from epsball.oracle.access import Access
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number

_SCHEDULE = ((0, 2), (50, 4), (200, 5), (500, 6), (1000, 8), (2000, 10), (4000, 12), (6000, 15), (8000, 20))
"""After which of 10,000 steps the share of pixels that move is what it was at first divided by how much."""


@dataclass(frozen=True)
class SparseRS(Attack):
    """x' = x with α k of its k changed pixels set back and as many others set to corners of the colours, kept if the margin falls.

    Croce, Andriushchenko, Singh, Flammarion, Hein 2020, arXiv:2006.12834, algorithm 2. The ball counts features: k pixels of c channels
    are c k of them. Deviations: the schedule α is always fitted to `steps`; inputs without channels have single features for pixels.

    Args:
        steps: changes tried, one query each.
        share: α at first, the fraction of the pixels that move.
    """

    access = Access.SCORES
    norms: ClassVar[tuple[str, ...]] = ("l0",)
    may_fail = True
    name = "sparse-rs"

    steps: int = positive(5000)
    share: Number = positive(0.3)

    @property
    def expected_passes(self) -> float:
        return self.steps

    def run(self, ask: Oracle) -> Tensor:
        channels = ask.x0.shape[1] if ask.x0.ndim > 2 else 1  # noqa: PLR2004 - features have no channels
        pixels = ask.x0[0].numel() // channels
        k = (ask.eps / channels).floor().minimum(ask.eps.new_tensor(pixels))
        unit = ask.draw().uniform(pixels * (1 + channels)).to(ask.eps)
        chosen = _lowest(unit[:, :pixels], k)
        s = ask.keep(k=k, chosen=chosen, x=_changed(ask, ask.x0, chosen, unit[:, pixels:]), margin=None)
        s.margin = ask.margin(s.x)
        for step in ask.steps(self.steps):
            unit = ask.draw().uniform(pixels * (2 + channels)).to(ask.eps)
            count = (self.moving(step) * s.k).floor().clamp_min(1).minimum(s.k).minimum(pixels - s.k)
            back = _lowest(unit[:, :pixels] + ~s.chosen, count)
            new = _lowest(unit[:, pixels : 2 * pixels] + s.chosen, count)
            x = _changed(ask, _changed(ask, s.x, back, None), new, unit[:, 2 * pixels :])
            margin = ask.margin(x)
            better = margin < s.margin
            s.x, s.margin = torch.where(rows(better, x).bool(), x, s.x), torch.where(better, margin, s.margin)
            s.chosen = torch.where(better[:, None], s.chosen ^ back ^ new, s.chosen)
        return s.x

    def moving(self, step: int) -> float:
        """The fraction of the changed pixels that move at a step, α."""
        time = int(step / self.steps * 10_000)
        return self.share / next((by for after, by in reversed(_SCHEDULE) if time > after), 1)


def _lowest(values: Tensor, count: Tensor) -> Tensor:
    """Return the `count` `(n,)` lowest of the values `(n, pixels)`, as a mask."""
    return values.argsort(1).argsort(1) < count[:, None]


def _changed(ask: Oracle, x: Tensor, which: Tensor, unit: Tensor | None) -> Tensor:
    """Set the pixels `(n, pixels)` to corners of the box by uniform numbers `(n, features)`, or back to the input without them."""
    to = ask.x0
    if unit is not None:
        up = (unit.reshape(x.shape) > 0.5).to(x)  # noqa: PLR2004 - a fair coin
        to = ask.threat.clip(up * ask.threat.high + (1 - up) * ask.threat.low)
    shape = (len(x), 1, *x.shape[2:]) if x.ndim > 2 else x.shape  # noqa: PLR2004 - features have no channels
    return torch.where(which.reshape(shape), to, x).to(x.dtype)
