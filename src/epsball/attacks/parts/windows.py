"""Square windows of images, one at a place of its own for every row, and the bumps that Square lays into them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from epsball.geometry import rows

_STEEPNESS = {1: 4, 2: 2}
"""How fast a bump falls off, by the exponent of the norm: as 1 / k⁴ in l1 and 1 / k² in l2."""


def corners(unit: Tensor, height: int, width: int, side: int) -> tuple[Tensor, Tensor]:
    """Return the top and left ends `(n,)` of a window anywhere within the image, from two uniform numbers a row `(n, 2)`."""
    room = torch.tensor([height - side + 1, width - side + 1], device=unit.device)
    top, left = (unit * room).long().unbind(1)
    return top, left


def inside(like: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """Return which pixels of images like `(n, C, H, W)` lie in the rows' windows, `(n, 1, H, W)`."""
    height, width = (torch.arange(size, device=like.device) for size in like.shape[2:])
    down, right = height[None, :] - top[:, None], width[None, :] - left[:, None]
    return ((down >= 0) & (down < side))[:, None, :, None] & ((right >= 0) & (right < side))[:, None, None, :]


def places(like: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """Return where the windows' pixels stand in the flattened images like `(n, C, H, W)`, `(n, C, side²)`."""
    within = torch.arange(side, device=like.device)
    down, right = top[:, None] + within, left[:, None] + within
    flat = (down[:, :, None] * like.shape[3] + right[:, None, :]).flatten(1)
    return flat[:, None].expand(-1, like.shape[1], -1)


def bumps(side: int, exponent: int, upright: Tensor, like: Tensor) -> Tensor:
    """Return for each row one hill beside one hollow of unit length together, `(n, side²)`: on top of each other where `upright`.

    Andriushchenko et al. 2020, arXiv:1912.00049, section 3.3 and figure 3; in l1 Croce and Hein 2021, arXiv:2103.01208, appendix.
    """
    half = side // 2
    hill = torch.cat((_hill(half, side, exponent, like), -_hill(side - half, side, exponent, like)))
    hill = hill / _length(hill, exponent)
    return torch.where(rows(upright, hill.new_zeros(len(upright), 1, 1)).bool(), hill, hill.T).flatten(1)


def tiled(tile: Tensor, down: int, right: int, height: int, width: int) -> Tensor:
    """Return images `(n, C, H, W)` of `down` times `right` square tiles `(n, C, tiles, side²)`, in the middle and 0 around them."""
    side = math.isqrt(tile.shape[3])
    columns = tile.transpose(2, 3).flatten(1, 2)
    whole = torch.nn.functional.fold(columns, (down * side, right * side), side, stride=side)
    top, left = (height - down * side) // 2, (width - right * side) // 2
    return torch.nn.functional.pad(whole, (left, width - right * side - left, top, height - down * side - top))


def _hill(height: int, width: int, exponent: int, like: Tensor) -> Tensor:
    """Concentric rectangles around the middle, higher the fewer pixels they have, of unit length: `(height, width)`."""
    down, right = torch.arange(height, device=like.device), torch.arange(width, device=like.device)
    ring = torch.maximum((down - height // 2).abs()[:, None], (right - width // 2).abs()[None, :])
    size = torch.arange(1, max(height // 2, width // 2) + 2, device=like.device, dtype=like.dtype)
    level = (1 / size ** _STEEPNESS[exponent]).flip(0).cumsum(0).flip(0)
    hill = level[ring]
    return hill / _length(hill, exponent)


def _length(hill: Tensor, exponent: int) -> Tensor:
    return hill.abs().pow(exponent).sum().pow(1 / exponent)
