"""Pixels of a picture and of the difference of two, as every drawing shows them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANNELS = (1, 3)
"""Of what can be drawn: grey and colour."""
FAINTEST = 1e-30
"""No difference is amplified further, in units of the pixel range."""


def pixels(
    clean: NDArray[Any], adversarial: NDArray[Any], low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]:
    """Original, difference and adversarial picture of one sample, and the factor by which the difference is amplified.

    The difference of a grey picture runs from blue (darker) over white (unchanged) to red (brighter);
    that of a colour picture is added to middle grey, channel by channel.

    Args:
        clean: (C, H, W) with one or three channels in [low, high].
        adversarial: likewise.
        low: the least value of a pixel.
        high: the greatest.
    """
    scale = 1 / (high - low)
    before, after = (clean.astype(np.float64) - low) * scale, (adversarial.astype(np.float64) - low) * scale
    change = after - before
    factor = amplification(float(np.abs(change).max(initial=0)))
    shown = np.clip(change * factor, -1, 1)
    middle = diverging(shown[0]) if len(shown) == 1 else 0.5 + 0.5 * np.moveaxis(shown, 0, -1)
    return picture(before), middle, picture(after), factor


def amplification(largest: float) -> int:
    """The roundest factor that brings the largest change near the end of the scale without passing it."""
    if not 0 < largest < 1:
        return 1
    largest = max(largest, FAINTEST)
    power = math.floor(-math.log10(largest))
    factors = (digit * int(10 ** max(0, near)) for near in (power - 1, power, power + 1) for digit in (1, 2, 5))
    return max(factor for factor in factors if factor * largest <= 1)


def picture(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C, H, W) in [0, 1] as (H, W) grey or (H, W, 3) colour."""
    return image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)


def diverging(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W) in [-1, 1] as (H, W, 3): blue, white at zero, red."""
    white, red, blue = np.ones(3), np.array([0.79, 0.0, 0.13]), np.array([0.02, 0.32, 0.75])
    depth = np.abs(change)[..., None]
    end = np.where(change[..., None] > 0, red, blue)
    return np.asarray(white * (1 - depth) + end * depth)
