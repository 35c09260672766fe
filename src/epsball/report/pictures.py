"""Samples to look at: original, amplified difference, adversarial, as embedded pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = 224
LARGEST_PNG, QUALITY = 24_000, 80
FACTORS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Triptych:
    """Three embedded pictures (data URIs) and the factor by which the middle one is amplified."""

    original: str
    difference: str
    adversarial: str
    factor: int


def triptych(clean: NDArray[Any], adversarial: NDArray[Any], low: float, high: float) -> Triptych:
    """The pictures of one sample, (C, H, W) with one or three channels in [low, high].

    The difference of a grey picture runs from blue (darker) over white (unchanged) to red (brighter);
    that of a colour picture is added to middle grey, channel by channel.
    """
    scale = 1 / (high - low)
    before, after = (clean.astype(np.float64) - low) * scale, (adversarial.astype(np.float64) - low) * scale
    change = after - before
    factor = amplification(float(np.abs(change).max(initial=0)))
    shown = np.clip(change * factor, -1, 1)
    middle = diverging(shown[0]) if len(shown) == 1 else 0.5 + 0.5 * np.moveaxis(shown, 0, -1)
    return Triptych(embedded(picture(before)), embedded(middle), embedded(picture(after)), factor)


def amplification(largest: float) -> int:
    """The roundest factor that brings the largest change near the end of the scale without passing it."""
    return max((factor for factor in FACTORS if factor * largest <= 1), default=1) if largest > 0 else 1


def picture(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C, H, W) in [0, 1] as (H, W) grey or (H, W, 3) colour."""
    return image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)


def diverging(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W) in [-1, 1] as (H, W, 3): blue, white at zero, red."""
    white, red, blue = np.ones(3), np.array([0.79, 0.0, 0.13]), np.array([0.02, 0.32, 0.75])
    depth = np.abs(change)[..., None]
    end = np.where(change[..., None] > 0, red, blue)
    return np.asarray(white * (1 - depth) + end * depth)


def embedded(pixels: NDArray[np.float64]) -> str:
    """Pixels in [0, 1], (H, W) or (H, W, 3), as a data URI; large pictures are shrunk to what a page can show.

    As PNG, which keeps every pixel, unless that takes more than a page of twelve examples can hold; then as JPEG.
    """
    image = Image.fromarray(np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8))
    image.thumbnail((LARGEST, LARGEST))
    png, jpeg = io.BytesIO(), io.BytesIO()
    image.save(png, format="PNG", optimize=True)
    if png.tell() <= LARGEST_PNG:
        return _uri("png", png)
    image.save(jpeg, format="JPEG", quality=QUALITY)
    return _uri("jpeg", jpeg)


def _uri(kind: str, stream: io.BytesIO) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(stream.getvalue()).decode("ascii")
