"""Search along a path of points that depends on nothing but the input: scan it, then halve around the first success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from epsball.oracle.oracle import Oracle


def first_success(ask: Oracle, path: Callable[[Tensor], Tensor], steps: int, halvings: int) -> Tensor:
    """Ask about path(1 / steps), path(2 / steps), … up to the first success of each row, and halve the last interval.

    Args:
        ask: the oracle.
        path: from how far to go, numbers in (0, 1] `(n,)`, to points `(n, …)`.
        steps: points on the path.
        halvings: bisections between the last failure and the first success.
    """
    far = ask.x0.new_zeros(len(ask.x0))
    found, x = torch.zeros_like(far, dtype=torch.bool), ask.x0
    for step in range(steps):
        x = path(torch.full_like(far, (step + 1) / steps))
        success = ask.met(x, where=~found)
        far, found = torch.where(success, (step + 1) / steps, far), found | success
    near = (far - 1 / steps).where(found, far)
    for _ in range(halvings):
        middle = (near + far) / 2
        x = path(middle)
        success = ask.met(x, where=found)
        near, far = torch.where(success, near, middle), torch.where(success, middle, far)
    return x
