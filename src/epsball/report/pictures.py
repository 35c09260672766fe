"""Samples to look at: original, amplified difference, adversarial, as embedded pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from epsball.display.difference import pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = 224
LARGEST_PNG, QUALITY = 24_000, 80


@dataclass(frozen=True)
class Triptych:
    """Three embedded pictures (data URIs) and the factor by which the middle one is amplified."""

    original: str
    difference: str
    adversarial: str
    factor: int


def triptych(clean: NDArray[Any], adversarial: NDArray[Any], low: float, high: float) -> Triptych:
    """The pictures of one sample, (C, H, W) with one or three channels in [low, high]."""
    original, difference, changed, factor = pixels(clean, adversarial, low, high)
    return Triptych(embedded(original), embedded(difference), embedded(changed), factor)


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
