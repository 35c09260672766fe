"""Encoded pictures to pixels: PNG, JPEG and the like."""

import io
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from epsball.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
"""What is read; of other formats that Pillow knows, some start programs (PostScript) and few hold data sets."""
MOST_PIXELS = 64_000_000
_GREY = {"1", "L"}
_COLOUR = {"RGB", "P", "RGBA", "LA", "PA", "CMYK", "YCbCr", "HSV", "LAB", "RGBX"}


def decode(
    pictures: Iterable[tuple[str, bytes]], *, size: int | None = None, colour: bool = False
) -> NDArray[np.uint8]:
    """Pictures as one array (n, C, H, W) of uint8: C = 1 where every one of them is grey, else 3; transparency is dropped.

    Args:
        pictures: pairs of a name, for messages, and the bytes of the file.
        size: cut to size × size, see `crop`; by default they must all be of one size.
        colour: C = 3 even where all are grey.

    Raises:
        InputError: a truncated or unknown picture, more than 8 bits a channel, or pictures of different sizes.
    """
    pixels: list[NDArray[np.uint8]] = []
    first = ""
    for name, content in pictures:
        pixels.append(_pixels(name, content, size))
        first = first or name
        if pixels[-1].shape[:2] != pixels[0].shape[:2]:
            (height, width), (first_height, first_width) = pixels[-1].shape[:2], pixels[0].shape[:2]
            raise InputError(
                f"{first} is {first_width}x{first_height} pixels and {name} is {width}x{height}, expected one size for "
                "all; resize them, or give load_data(…, size=) to cut them all alike"
            )
    if not colour and all(picture.ndim == 2 for picture in pixels):  # noqa: PLR2004 grey: height and width only
        return np.stack(pixels)[:, None]
    stacked = np.empty((len(pixels), 3, *pixels[0].shape[:2]), dtype=np.uint8)
    for row, picture in zip(stacked, pixels, strict=True):
        row[:] = picture if picture.ndim == 2 else picture.transpose(2, 0, 1)  # noqa: PLR2004 the same
    return stacked


def crop(picture: "Image", size: int) -> "Image":
    """The middle size × size pixels after the shorter side was resized to size · 8/7 (256 for 224).

    Bilinear with antialiasing, the longer side rounded to whole pixels; a picture whose shorter side has that length
    already is not resampled. This is the usual test-time view of ILSVRC2012.
    """
    from PIL.Image import Resampling  # noqa: PLC0415 a picture library is imported where it is used

    shorter = round(size * 8 / 7)
    scale = shorter / min(picture.size)
    width, height = (max(shorter, round(side * scale)) for side in picture.size)
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    return picture.crop((left, top, left + size, top + size))


def _pixels(name: str, content: bytes, size: int | None) -> NDArray[np.uint8]:
    """(H, W) of a grey picture, (H, W, 3) of any other."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 a picture library is imported where it is used

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
            picture: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError(f"{picture.width}x{picture.height} pixels")  # noqa: TRY301 (Pillow raises it too)
            picture.load()
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is no picture of the kinds that are read; give PNG or JPEG") from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} has more than {MOST_PIXELS:,} pixels ({error}), too many for a picture to be classified; make it smaller"
        ) from error
    except Exception as error:  # a damaged picture makes Pillow raise errors of many kinds
        raise InputError(f"{name} is truncated or damaged ({error}); fetch or save it again") from error
    if picture.mode not in _GREY | _COLOUR:
        raise InputError(f"{name} has pixels of mode {picture.mode}, expected 8 bits a channel; convert it")
    picture = picture.convert("L" if picture.mode in _GREY else "RGB")
    return np.asarray(picture if size is None else crop(picture, size))
