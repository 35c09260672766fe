"""What is done with a gradient before the step: (gradient, memory) -> (direction, memory); the memory of a fresh run is None."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from epsball.geometry import l1, rows
from epsball.geometry.base import TINY

if TYPE_CHECKING:
    from collections.abc import Callable

StepRule: TypeAlias = "Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]"


def steepest(g: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the gradient `(N, …)` itself."""
    return g, memory


@dataclass(frozen=True)
class momentum:  # noqa: N801 - used like the function `steepest`, and printed with its decay
    """m <- decay m + g / |g|_1; the direction is m. Dong et al. 2017, arXiv:1710.06081, eq. 6.

    Args:
        decay: fraction of the old direction that stays.
    """

    decay: float = 1.0

    def __call__(self, g: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the new direction twice: as the step and as the memory, `(N, …)`."""
        wide = g.float() if g.dtype in {torch.float16, torch.bfloat16} else g
        fresh = wide / rows(l1(wide).clamp_min(TINY), wide)
        memory = fresh if memory is None else self.decay * memory + fresh
        return memory, memory


@dataclass(frozen=True)
class smoothed:  # noqa: N801 - as above
    """g <- W * g, W the Gaussian kernel with σ = k / √3 and (2 k + 1)² pixels. Dong et al. 2019, arXiv:1904.02884, eqs. 7 and 9.

    Deviations: none.

    Args:
        length: pixels of the kernel's side, 2 k + 1.
        rule: what is done with the smoothed gradient.
    """

    length: int = 15
    rule: StepRule = momentum()
    images_only = True

    def __call__(self, g: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the rule's direction and memory for the smoothed gradient of images `(N, C, H, W)`."""
        reach = (self.length - 1) // 2
        place = torch.arange(-reach, reach + 1, device=g.device).to(g)
        line = torch.exp(-1.5 * (place / max(reach, 1)) ** 2)
        kernel = (line / line.sum()).expand(g.shape[1], 1, 1, -1)
        g = F.conv2d(g, kernel, padding=(0, reach), groups=g.shape[1])
        g = F.conv2d(g, kernel.transpose(2, 3), padding=(reach, 0), groups=g.shape[1])
        return self.rule(g, memory)
