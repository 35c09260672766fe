"""Encoded pictures to pixels: PNG, JPEG and the like."""

import io
import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from epsball.data.cut import MOST_PIXELS, Cut
from epsball.data.source import Encoded, Labels, Source
from epsball.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
"""What is read; of other formats that Pillow knows, some start programs (PostScript) and few hold data sets."""
_GREY = {"1", "L"}
_COLOUR = {"RGB", "P", "RGBA", "LA", "PA", "CMYK", "YCbCr", "HSV", "LAB", "RGBX"}


REMEDY = "give --size 224 (size=224 in Python), by which all are cut alike, or resize them"
"""For pictures of different sizes."""


def pictured(labels: Labels, encoded: Encoded, **settings: Any) -> Source:
    """A labelled set of encoded pictures; only those that are read are decoded.

    Args:
        labels: (N,).
        encoded: the pictures.
        settings: other fields of the source.
    """
    return Source(labels, lambda rows: decode(encoded.read(rows), colour=encoded.colour), encoded=encoded, **settings)


def cut_alike(source: Source, cut: Cut, origin: str) -> Source:
    """The same set with its pictures cut.

    Raises:
        InputError: its images are no pictures, or cut already.
    """
    encoded = source.encoded
    if encoded is None:
        raise InputError(f"size or crop was given for {origin}, whose images are arrays of one size; leave it out")
    return replace(source, images=lambda rows: decode(encoded.read(rows), cut=cut, colour=encoded.colour), cut=cut)


def sides(pictures: Iterable[tuple[str, bytes]]) -> set[tuple[int, int]]:
    """The heights and widths that pictures have, by their headers alone.

    Raises:
        InputError: what is no picture.
    """
    return {(each.height, each.width) for each in (_opened(name, content) for name, content in pictures)}


def decode(pictures: Iterable[tuple[str, bytes]], *, cut: Cut | None = None, colour: bool = False) -> NDArray[np.uint8]:
    """Pictures as one array (n, C, H, W) of uint8: C = 1 where every one of them is grey, else 3; transparency is dropped.

    Args:
        pictures: pairs of a name, for messages, and the bytes of the file.
        cut: what is done to each; by default they must all be of one size.
        colour: C = 3 even where all are grey.

    Raises:
        InputError: a truncated or unknown picture, more than 8 bits a channel, or pictures of different sizes.
    """
    pixels: list[NDArray[np.uint8]] = []
    first = ""
    for name, content in pictures:
        pixels.append(_pixels(name, content, cut))
        first = first or name
        if pixels[-1].shape[:2] != pixels[0].shape[:2]:
            (height, width), (first_height, first_width) = pixels[-1].shape[:2], pixels[0].shape[:2]
            raise InputError(
                f"{first} is {first_width}x{first_height} pixels and {name} is {width}x{height}, expected one size for "
                f"all; {REMEDY}"
            )
    if not colour and all(picture.ndim == 2 for picture in pixels):  # noqa: PLR2004 grey: height and width only
        return np.stack(pixels)[:, None]
    stacked = np.empty((len(pixels), 3, *pixels[0].shape[:2]), dtype=np.uint8)
    for row, picture in zip(stacked, pixels, strict=True):
        row[:] = picture if picture.ndim == 2 else picture.transpose(2, 0, 1)  # noqa: PLR2004 the same
    return stacked


def _opened(name: str, content: bytes) -> "Image":
    """The picture, of which only the header was read.

    Raises:
        InputError: it is none, or too large.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 a picture library is imported where it is used

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
            picture: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError(f"{picture.width}x{picture.height} pixels")  # noqa: TRY301 (Pillow raises it too)
            return picture
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is no picture of the kinds that are read; give PNG or JPEG") from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} has more than {MOST_PIXELS:,} pixels ({error}), too many for a picture to be classified; make it smaller"
        ) from error
    except Exception as error:  # a damaged picture makes Pillow raise errors of many kinds
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> InputError:
    return InputError(f"{name} is truncated or damaged ({error}); fetch or save it again")


def _pixels(name: str, content: bytes, cut: Cut | None) -> NDArray[np.uint8]:
    """(H, W) of a grey picture, (H, W, 3) of any other."""
    picture = _opened(name, content)
    try:
        picture.load()
    except Exception as error:  # as above
        raise _damaged(name, error) from error
    if picture.mode not in _GREY | _COLOUR:
        raise InputError(f"{name} has pixels of mode {picture.mode}, expected 8 bits a channel; convert it")
    picture = picture.convert("L" if picture.mode in _GREY else "RGB")
    return np.asarray(picture if cut is None else cut(picture))
