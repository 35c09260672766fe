"""NumPy archives: `x` and `y`, or `images` and `labels`, or `x_test` and `y_test` and the same for `train`."""

import math
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from epsball.data.source import Rows, Source, checked_labels
from epsball.data.stored import header, rows_of
from epsball.errors import InputError

_WHITE = 255
_AT_ONCE = 2**22
"""Pixels that are looked at together."""
LARGE, MOST_EXPANSION = 2**28, 100
"""Bytes from which on an array must not have been compressed to less than a hundredth."""


def read_arrays(path: Path, split: str) -> Source:
    """A labelled set from an `.npz`.

    An array that was saved without compression is read a part at a time, one that was compressed as a whole.
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
                x, y = rows_of(path, stream, archive, pair[0]), archive[pair[1]]
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
    if 0 in x.shape or not x.shape:
        raise InputError(f"{path} holds images of shape {x.shape}, expected (N, C, H, W) with pixels; save them again")
    if x.shape[0] != len(labels):
        raise InputError(f"{path} holds {x.shape[0]} images and {len(labels)} labels; give one label an image")

    def read(rows: Rows) -> NDArray[Any]:
        return _channels_first(x(rows), path)

    kind = _kind(read, x.shape, path)
    return Source(labels, lambda rows: read(rows).astype(kind, copy=False), whole=pair in pairs[:2])


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
                shape, _, dtype = header(member)
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


def _kind(read: Callable[[Rows], NDArray[Any]], shape: tuple[int, ...], path: Path) -> np.dtype[Any]:
    """uint8 for pixels of 8 bits, single precision for those in [0, 1], and for 0 and 1 alone, which are black and white.

    All pixels are looked at, a part at a time.
    """
    size = max(1, _AT_ONCE // math.prod(shape[1:]))
    lows, highs, bad, kind = [], [], dict[int, str](), np.dtype("u1")
    for start in range(0, shape[0], size):
        x = read(np.arange(start, min(start + size, shape[0])))
        kind = x.dtype
        if kind.kind not in "iufb":
            raise InputError(f"{path} holds pixels of type {kind}, expected numbers; save them as uint8 or float32")
        lows.append(x.min())
        highs.append(x.max())
        if kind.kind == "f":
            bad |= _not_finite(x, start)
    if bad:
        which = "NaN" if "NaN" in bad.values() else "infinite"
        raise InputError(
            f"{path} holds {which} pixels in {len(bad)} of {shape[0]} images, the first in row {min(bad)}, expected finite numbers; "
            "repair or remove them"
        )
    low, high = min(lows), max(highs)
    if (low, high) == (0, 1) or (kind.kind in "fb" and low >= 0 and high <= 1):
        return np.dtype(np.float32)
    if kind.kind in "iu" and low >= 0 and 1 < high <= _WHITE:
        return np.dtype(np.uint8)
    raise InputError(
        f"{path} holds {kind} pixels from {low} to {high}, expected whole numbers 0..255 or floats in [0, 1]; "
        f"{_remedy(kind, low, high)}"
    )


def _not_finite(x: NDArray[Any], start: int) -> dict[int, str]:
    """The rows (n, …) that hold a NaN or an infinite pixel, counted from `start`."""
    rows = np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(1)).tolist()
    return {start + row: "NaN" if np.isnan(x[row]).any() else "infinite" for row in rows}


def _remedy(kind: np.dtype[Any], low: Any, high: Any) -> str:
    """What most likely happened to pixels that are in no usual range."""
    if kind.kind == "f" and low >= 0 and high <= _WHITE:
        return "these are 8-bit pixels as floats: divide them by 255, or save them as uint8"
    if kind.kind in "iu" and low >= 0 and high > _WHITE:
        return f"divide them by the largest value that they may have, such as {np.iinfo(np.uint16).max} for 16 bits"
    return "save them before normalisation, and give mean and std to wrap"
