"""An array that stands uncompressed in an `.npz`, read a few rows at a time."""

from __future__ import annotations

import math
import struct
import zipfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.data.source import Rows

_LENGTHS_AT, _LOCAL_HEADER = 26, 30
"""Where a member's own header in a zip says how long its name and its extra field are, and where these begin."""
_AT_ONCE = 2**20


@dataclass(frozen=True)
class Stored:
    """Rows of an array in a file; the file is opened for each reading.

    Args:
        path: of the file.
        start: byte at which the array begins.
        shape: of all of it (N, …).
        dtype: of its numbers.
    """

    path: Path
    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __call__(self, rows: Rows) -> NDArray[Any]:
        """The rows (n,), in that order, as (n, …).

        Raises:
            InputError: the file is shorter than it was.
        """
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        size = math.prod(self.shape[1:])
        with self.path.open("rb") as file:
            for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):
                file.seek(self.start + int(rows[run[0]]) * size * self.dtype.itemsize)
                part = np.fromfile(file, self.dtype, len(run) * size)
                if part.size < len(run) * size:
                    raise InputError(f"{self.path} was cut short while it was read; save it again")
                found[run] = part.reshape(len(run), *self.shape[1:])
        return found


@dataclass(frozen=True, eq=False)
class Held:
    """Rows of an array in memory."""

    array: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of it (N, …)."""
        return self.array.shape

    def __call__(self, rows: Rows) -> NDArray[Any]:
        """The rows (n,), in that order, as (n, …)."""
        return self.array[rows]


def rows_of(path: Path, stream: IO[bytes], archive: Mapping[str, NDArray[Any]], name: str) -> Stored | Held:
    """The array of that name; in memory where it is compressed, empty, or in Fortran's order.

    Args:
        path: of the archive.
        stream: the same file, open.
        archive: the same as NumPy reads it.
        name: of the array.

    Raises:
        zipfile.BadZipFile: its bytes are not those that were saved.
    """
    return _stored(path, stream, f"{name}.npy") or Held(archive[name])


def _stored(path: Path, stream: IO[bytes], name: str) -> Stored | None:
    """The array where it stands as it is.

    Its bytes are gone through once, because a zip has a checksum of them that parts do not show.
    """
    with zipfile.ZipFile(stream) as archive, archive.open(name) as member:
        shape, fortran, dtype = header(member)
        begins, place = member.tell(), archive.getinfo(name)
        if place.compress_type != zipfile.ZIP_STORED or fortran or not shape or 0 in shape:
            return None
        while member.read(_AT_ONCE):
            pass
    stream.seek(place.header_offset + _LENGTHS_AT)
    lengths = struct.unpack("<HH", stream.read(4))
    return Stored(path, place.header_offset + _LOCAL_HEADER + sum(lengths) + begins, shape, dtype)


def header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the order is Fortran's, and type of an array in NumPy's format, whose numbers follow."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(member)
    if dtype.hasobject:
        raise ValueError("Python objects in it would have to be run")
    return shape, fortran, dtype
