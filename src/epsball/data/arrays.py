"""NumPy archives: `x` and `y`, or `images` and `labels`, or `x_test` and `y_test` and the same for `train`."""

import math
import textwrap
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from epsball.data.source import Images, Source, checked_labels
from epsball.errors import InputError

_WHITE = 255
LARGE, MOST_EXPANSION = 2**28, 100
"""Bytes from which on an array must not have been compressed to less than a hundredth."""


def read_arrays(path: Path, split: str) -> Source:
    """A labelled set from an `.npz`.

    Images are (N, H, W), (N, C, H, W) or (N, H, W, C) with 1 or 3 channels, or with transparency as the
    last of 4, which is dropped; whole numbers mean 0..255, or black and white where there are only 0 and 1, floats [0, 1].

    Args:
        path: of the archive; nothing in it is unpickled.
        split: "train" or "test", which matters only to an archive that holds both.

    Raises:
        InputError: a truncated archive, other names, shapes or ranges.
    """
    pairs = [("x", "y"), ("images", "labels"), (f"x_{split}", f"y_{split}")]
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            pair = next((pair for pair in pairs if set(pair) <= set(archive.files)), None)
            if pair is not None:
                _refuse_expansion(stream, [f"{name}.npy" for name in pair], path)
                x, y = archive[pair[0]], archive[pair[1]]
            names = list(archive.files)
    except InputError:
        raise
    except Exception as error:  # a damaged archive makes NumPy and zipfile raise errors of many kinds
        said = textwrap.shorten(str(error), 200)  # zipfile quotes what it read
        raise InputError(f"{path} is truncated or no archive of numeric arrays ({said}); save it again") from error
    if pair is None:
        raise InputError(
            f"{path} holds {', '.join(names) or 'nothing'}, expected x and y, or images and labels; "
            "save it with numpy.savez(path, x=…, y=…)"
        )
    labels = checked_labels(y, str(path))
    if x.size == 0 or x.ndim == 0:
        raise InputError(f"{path} holds images of shape {x.shape}, expected (N, C, H, W) with pixels; save them again")
    if len(x) != len(labels):
        raise InputError(f"{path} holds {len(x)} images and {len(labels)} labels; give one label an image")
    images = _in_unit_box(_channels_first(x, path), path)
    return Source(labels, lambda rows: images[rows], whole=pair in pairs[:2])


def made_on(text: str) -> str:
    """The fingerprint of the network that the images of an `.npz` deceive, as `epsball export` writes it; empty for all other data."""
    path = Path(text)
    try:
        if path.suffix != ".npz" or not path.is_file():
            return ""
        with np.load(path, allow_pickle=False) as archive:
            return str(archive["made_on"]) if "made_on" in archive.files else ""
    except (OSError, ValueError, zipfile.BadZipFile):  # who reads the images says so
        return ""


def _refuse_expansion(stream: IO[bytes], names: list[str], path: Path) -> None:
    """Refuse an array whose header says more than is stored, and one that grows beyond measure.

    Raises:
        InputError: either is so.
    """
    with zipfile.ZipFile(stream) as archive:
        for name in names:
            with archive.open(name) as member:
                shape, dtype = _header(member)
                said, stored = math.prod(shape) * dtype.itemsize, archive.getinfo(name)
                if said != stored.file_size - member.tell():
                    raise InputError(
                        f"{path}: {name} says that it holds {said:,} bytes and {stored.file_size:,} are stored; save it again"
                    )
            if said > LARGE and said > MOST_EXPANSION * stored.compress_size:
                raise InputError(
                    f"{path}: {name} grows from {stored.compress_size:,} to {said:,} bytes, which no pictures do; "
                    "save it again with numpy.savez, uncompressed"
                )


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    if dtype.hasobject:
        raise ValueError("Python objects in it would have to be run")
    return shape, dtype


def _channels_first(x: NDArray[Any], path: Path) -> NDArray[Any]:
    if x.ndim == 3:  # noqa: PLR2004 rows, height, width
        return x[:, None]
    if x.ndim == 4 and x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):  # noqa: PLR2004 channels last
        return x.transpose(0, 3, 1, 2)
    if x.ndim == 4 and x.shape[1] not in (1, 3, 4) and x.shape[3] == 4:  # noqa: PLR2004 the fourth is transparency
        return x[..., :3].transpose(0, 3, 1, 2)
    if x.ndim != 4 or 0 in x.shape:  # noqa: PLR2004 rows, channels, height, width
        raise InputError(f"{path} holds images of shape {x.shape}, expected (N, C, H, W); reshape them")
    return x


def _in_unit_box(x: NDArray[Any], path: Path) -> Images:
    """8-bit pixels as they are, 0 and 1 alone as black and white, floats in [0, 1] in single precision."""
    if x.dtype.kind not in "iufb":
        raise InputError(f"{path} holds pixels of type {x.dtype}, expected numbers; save them as uint8 or float32")
    if x.dtype.kind == "f":
        _refuse_what_is_not_finite(x, path)
    low, high = x.min(), x.max()
    if (low, high) == (0, 1) or (x.dtype.kind in "fb" and low >= 0 and high <= 1):
        return x.astype(np.float32)
    if x.dtype.kind in "iu" and low >= 0 and 1 < high <= _WHITE:
        return x.astype(np.uint8)
    raise InputError(
        f"{path} holds {x.dtype} pixels from {low} to {high}, expected whole numbers 0..255 or floats in [0, 1]; "
        f"{_remedy(x, low, high)}"
    )


def _refuse_what_is_not_finite(x: NDArray[Any], path: Path) -> None:
    bad = ~np.isfinite(x).reshape(len(x), -1).all(1)
    if bad.any():
        kind = "NaN" if np.isnan(x).any() else "infinite"
        raise InputError(
            f"{path} holds {kind} pixels in {int(bad.sum())} of {len(x)} images, the first in row {int(bad.argmax())}, "
            "expected finite numbers; repair or remove them"
        )


def _remedy(x: NDArray[Any], low: Any, high: Any) -> str:
    """What most likely happened to pixels that are in no usual range."""
    if x.dtype.kind == "f" and low >= 0 and high <= _WHITE:
        return "these are 8-bit pixels as floats: divide them by 255, or save them as uint8"
    if x.dtype.kind in "iu" and low >= 0 and high > _WHITE:
        return f"divide them by the largest value that they may have, such as {np.iinfo(np.uint16).max} for 16 bits"
    return "save them before normalisation, and give mean and std to wrap"
