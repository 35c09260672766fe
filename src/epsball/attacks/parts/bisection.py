"""The shortest way along a curve to the other side of the boundary, by labels alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.oracle.oracle import Oracle


def bisect(
    ask: Oracle, at: Callable[[Tensor], Tensor], reach: Tensor, halvings: int, *, where: Tensor | None = None
) -> Tensor:
    """Return how far along each row's curve an error lies, `(n,)`: `reach` or less, an error itself.

    Args:
        ask: the oracle.
        at: the points `(n, …)` at distances `(n,)` along the curves; no error at 0.
        reach: where an error is known, `(n,)`.
        halvings: questions; each halves the interval.
        where: the rows `(n,)` to do so for; the others get their `reach`.
    """
    low, high = torch.zeros_like(reach), reach
    for _ in range(halvings):
        middle = (low + high) / 2
        hit = ask.met(at(middle), where=where)
        low, high = torch.where(hit, low, middle), torch.where(hit, middle, high)
    return high if where is None else torch.where(where, high, reach)
