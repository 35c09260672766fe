"""Cosines, the frequencies of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cosines(size: int, like: Tensor) -> Tensor:
    """Return the orthonormal cosines of a line of pixels, lowest frequency first, `(size, size)`: the rows of the DCT-II."""
    place = torch.arange(size, device=like.device, dtype=torch.float64)
    waves = torch.cos(math.pi / size * (place + 0.5) * place[:, None]) * math.sqrt(2 / size)
    waves[0] /= math.sqrt(2)
    return waves.to(like)
