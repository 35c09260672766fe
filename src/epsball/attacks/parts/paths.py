"""Search along a path of points that depends on nothing but the input: scan it, then halve around the first success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from epsball.oracle.oracle import Oracle


def first_success(
    ask: Oracle, path: Callable[[Tensor], Tensor], steps: int, halvings: int, reach: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Ask about path(1 / steps), path(2 / steps), … up to the first success of each row, and halve the last interval.

    Returns how far along the path the success lies, `(n,)`, 0 where there is none, and the last point asked about, `(n, …)`.

    Args:
        ask: the oracle.
        path: from how far to go, numbers in (0, 1] `(n,)`, to points `(n, …)`.
        steps: points on the path.
        halvings: bisections between the last failure and the first success.
        reach: how far along the path the last of the points lies, `(n,)`; its end when left out.
    """
    far = ask.x0.new_zeros(len(ask.x0))
    pace = (torch.ones_like(far) if reach is None else reach) / steps
    found, x = torch.zeros_like(far, dtype=torch.bool), ask.x0
    for step in range(steps):
        x = path((step + 1) * pace)
        success = ask.met(x, where=~found)
        far, found = torch.where(success, (step + 1) * pace, far), found | success
    near = (far - pace).where(found, far)
    for _ in range(halvings):
        middle = (near + far) / 2
        x = path(middle)
        success = ask.met(x, where=found)
        near, far = torch.where(success, near, middle), torch.where(success, middle, far)
    return far, x
