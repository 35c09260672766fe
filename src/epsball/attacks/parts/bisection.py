"""The shortest way along a curve to the other side of the boundary, by labels alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.oracle.oracle import Oracle


def bisect(
    ask: Oracle,
    at: Callable[[Tensor], Tensor],
    reach: Tensor,
    halvings: int,
    *,
    where: Tensor | None = None,
    shortest: float | Tensor = 0.0,
    low: Tensor | None = None,
) -> Tensor:
    """Return how far along each row's curve an error lies, `(n,)`: `reach` or less, an error itself.

    Args:
        ask: the oracle.
        at: the points `(n, …)` at distances `(n,)` along the curves; no error at 0.
        reach: where an error is known, `(n,)`.
        halvings: questions at most; each halves the interval.
        where: the rows `(n,)` to do so for; the others get their `reach`.
        shortest: an interval of this length or less is halved no more, one number or `(n,)`.
        low: where it is known that there is none, `(n,)`; 0 when left out.
    """
    low, high = torch.zeros_like(reach) if low is None else low, reach
    for _ in range(halvings):
        wide = ask.live & (high - low > shortest)
        wide = wide if where is None else wide & where
        if not bool(wide.any()):
            break
        middle = (low + high) / 2
        hit = ask.met(at(middle), where=wide)
        low, high = torch.where(wide & ~hit, middle, low), torch.where(hit, middle, high)
    return high
