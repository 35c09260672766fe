"""Bisection of the segment from an input to its best success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.geometry import rows

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


def draw_back(ask: Oracle, halvings: int) -> Tensor:
    """Bisect the segment from every input to its best success and return the last point tried, `(n, …)`."""
    x0, far = ask.x0, ask.best
    low, high = x0.new_zeros(len(x0)), x0.new_ones(len(x0))
    x, found = far, ask.distance.isfinite()
    for _ in ask.steps(halvings):
        middle = (low + high) / 2
        x = ask.threat.clip(x0 + rows(middle, x0) * (far - x0))
        success = ask.met(x, where=found)
        low, high = torch.where(success, low, middle), torch.where(success, middle, high)
    return x
