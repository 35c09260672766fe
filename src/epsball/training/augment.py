"""Changes to training images that leave their class alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Shift:
    """Every image moved by up to `pixels` in each direction, zeros moving in, and mirrored left to right where wanted.

    Args:
        pixels: the largest shift.
        mirror: whether half of the images are mirrored; not for digits.
    """

    pixels: int
    mirror: bool = False

    def __call__(self, x: Tensor, draw: Generator) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W), one draw an image."""
        n, channels, height, width = x.shape
        down, right = torch.randint(2 * self.pixels + 1, (2, n, 1, 1), generator=draw).to(x.device)
        flipped = torch.rand(n, 1, 1, generator=draw).to(x.device) < (0.5 if self.mirror else 0)
        row = down + torch.arange(height, device=x.device)[:, None]
        column = torch.arange(width, device=x.device).expand(n, 1, width)
        column = right + torch.where(flipped, width - 1 - column, column)
        padded = F.pad(x, (self.pixels,) * 4)
        images = torch.arange(n, device=x.device)[:, None, None, None]
        planes = torch.arange(channels, device=x.device)[:, None, None]
        return padded[images, planes, row[:, None], column[:, None]]
