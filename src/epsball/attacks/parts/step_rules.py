"""What is done with a gradient before the step: (gradient, memory) -> (direction, memory); the memory of a fresh run is 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from epsball.geometry import l1, rows
from epsball.geometry.base import TINY

Rule: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def plain(g: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient `(N, …)` itself."""
    return g, memory


@dataclass(frozen=True)
class momentum:  # noqa: N801 - used like the function `plain`, and printed with its decay
    """m <- decay m + g / |g|_1; the direction is m. Dong et al. 2017, arXiv:1710.06081, eq. 6.

    Args:
        decay: share of the old direction that stays.
    """

    decay: float = 1.0

    def __call__(self, g: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new direction twice: as the step and as the memory, `(N, …)`."""
        wide = g.float() if g.dtype in {torch.float16, torch.bfloat16} else g
        memory = self.decay * memory + wide / rows(l1(wide).clamp_min(TINY), wide)
        return memory, memory
