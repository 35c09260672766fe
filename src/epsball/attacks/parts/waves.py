"""Normal noise of low frequencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.attacks.parts.cosines import cosines

if TYPE_CHECKING:
    from epsball.randomness import Stream

_IMAGE_DIMENSIONS = 4


def waves(draw: Stream, like: Tensor, fraction: float, m: int) -> Tensor:
    """Return m directions for each row of `like` `(n, …)`, `(n, m, …)`, in float64: normal in the lowest frequencies, 0 in the others.

    Args:
        draw: the random numbers.
        like: images, or features, which have no frequencies and get normal noise.
        fraction: of the frequencies a side; 1 gives normal noise.
        m: directions a row.
    """
    if like.ndim != _IMAGE_DIMENSIONS or fraction >= 1:
        return draw.normal(m * like[0].numel()).reshape(len(like), m, *like.shape[1:])
    channels, *sides = like.shape[1:]
    used = [min(max(round(fraction * side), 1), side) for side in sides]
    amount = draw.normal(m * channels * used[0] * used[1]).reshape(len(like), m, channels, *used)
    down, right = (cosines(side, amount)[:few] for side, few in zip(sides, used, strict=True))
    return torch.einsum("nmcij,ih,jw->nmchw", amount, down, right)
