"""Photographs of any size to one size: the shorter side is resized, the middle kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 64_000_000
"""Of a picture that is to be classified, as it comes and after it was resized."""
_USUAL = 8 / 7
"""Shorter side to middle of the usual test-time view of ILSVRC2012: 256 to 224."""


@dataclass(frozen=True)
class Cut:
    """The middle `crop` × `crop` pixels after the shorter side was resized to `size`.

    Bilinear with antialiasing, the longer side rounded to whole pixels; a picture whose shorter side has that length already is not
    resampled.
    """

    size: int
    crop: int

    def __call__(self, picture: Image) -> Image:
        """Cut one picture.

        Raises:
            InputError: it is so long that it cannot be resized.
        """
        from PIL.Image import Resampling  # noqa: PLC0415 a picture library is imported where it is used

        scale = self.size / min(picture.size)
        width, height = (max(self.size, round(side * scale)) for side in picture.size)
        if width * height > MOST_PIXELS:
            raise InputError(
                f"a picture of {picture.width}x{picture.height} pixels would have {width}x{height} with its shorter side of "
                f"{self.size}; remove it, or give a smaller size"
            )
        if (width, height) != picture.size:
            picture = picture.resize((width, height), Resampling.BILINEAR)
        left, top = (width - self.crop) // 2, (height - self.crop) // 2
        return picture.crop((left, top, left + self.crop, top + self.crop))


def chosen_cut(size: int | None, crop: int | None) -> Cut | None:
    """What the two settings mean: `size` alone keeps a square of that side, `crop` alone resizes the shorter side to crop · 8/7.

    Raises:
        InputError: below 1 pixel, or a crop that is larger than the size.
    """
    for name, given in (("size", size), ("crop", crop)):
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
            raise InputError(f"{name} was given as {given!r}; expected a whole number of pixels, such as {name}=224")
    if size is None:
        return None if crop is None else Cut(round(crop * _USUAL), crop)
    if crop is not None and crop > size:
        raise InputError(
            f"crop was given as {crop} and size as {size}; the middle of a picture is no larger than its shorter side: "
            f"give crop up to {size}"
        )
    return Cut(size, crop or size)
