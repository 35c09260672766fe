"""Images moved along a flow field, and how they change with it."""

from __future__ import annotations

import torch
from torch import Tensor


def warped(x: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Return images sampled at their moved pixels, and what a unit of the flow changes.

    Bilinear interpolation of Jaderberg et al. 2015, arXiv:1506.02025, eq. 5 and its derivative; border values go on beyond the border.

    Args:
        x: images `(n, C, H, W)`.
        flow: how far each pixel looks down and across, in pixels, `(n, 2, H, W)`.

    Returns:
        the images `(n, C, H, W)` and their derivatives to the flow `(n, 2, C, H, W)`.
    """
    n, channels, height, width = x.shape
    down = torch.arange(height, device=x.device)[:, None] + flow[:, 0]
    across = torch.arange(width, device=x.device) + flow[:, 1]
    top, left = down.floor(), across.floor()
    below, right = (down - top)[:, None], (across - left)[:, None]

    def corner(rows: Tensor, columns: Tensor) -> Tensor:
        place = _within(rows, height) * width + _within(columns, width)
        index = place.reshape(n, 1, -1).expand(-1, channels, -1)
        return x.flatten(2).gather(2, index).reshape(x.shape)

    a, b, c, d = corner(top, left), corner(top, left + 1), corner(top + 1, left), corner(top + 1, left + 1)
    upper, lower = a + right * (b - a), c + right * (d - c)
    changes = lower - upper, (1 - below) * (b - a) + below * (d - c)
    return upper + below * (lower - upper), torch.stack(changes, 1)


def roughness(flow: Tensor) -> Tensor:
    """Return the gradient of sum over neighbouring pixels of |flow_p - flow_q|, Euclidean over both directions, `(n, 2, H, W)`.

    Xiao et al. 2018, arXiv:1801.02612, eq. 4.
    """
    slope = torch.zeros_like(flow)
    for axis in (2, 3):
        apart = flow.diff(dim=axis)
        unit = apart / (apart.square().sum(1, keepdim=True) + _SMOOTH).sqrt()
        size = apart.shape[axis]
        slope.narrow(axis, 1, size).add_(unit)
        slope.narrow(axis, 0, size).sub_(unit)
    return slope


_SMOOTH = 1e-8
"""Square of the length below which neighbours count as equal, so that the slope at 0 is 0."""


def _within(place: Tensor, side: int) -> Tensor:
    """Places cut to those of the image: what lies beyond has the border's values."""
    last = torch.full_like(place, side - 1)
    return torch.minimum(torch.maximum(place, torch.zeros_like(place)), last).to(torch.int64)
