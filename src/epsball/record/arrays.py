"""Inputs and adversarial examples in a run folder, written and read a few at a time: memory may not hold them all."""

from __future__ import annotations

import json
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record.blocks import blocks
from epsball.record.files import damaged, read_bytes
from epsball.record.manifest import INPUTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.record.blocks import Rows

_NAMES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I64": np.int64}
"""What the safetensors format calls its types, as far as run folders hold them."""
_ALIGNED = 8


def array_blocks(arrays: Mapping[str, Rows]) -> Iterator[bytes]:
    """The content of a safetensors file piece by piece: the length of its header, the header, and each array.

    Args:
        arrays: by name, those of the widest type first.
    """
    names = {np.dtype(kind): name for name, kind in _NAMES.items()}
    header, end = {}, 0
    for name, array in arrays.items():
        start, end = end, end + int(np.prod(array.shape, dtype=np.int64)) * array.dtype.itemsize
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    yield struct.pack("<Q", len(text)) + text
    for array in arrays.values():
        for block in blocks(array):
            yield np.ascontiguousarray(block).tobytes()


@dataclass(frozen=True)
class StoredArray:
    """The array `x` `(n, …)` of a file of a run folder; rows are read from it when they are asked for."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        with _opened(self.path) as file:  # anew, or all pages that were read would stay in memory
            stored = file.get_slice("x")
            if isinstance(rows, slice):
                start, stop, _ = rows.indices(len(self))
                # safetensors refuses a slice of an array without rows
                return np.asarray(stored[start:stop]) if start < stop else np.empty((0, *self.shape[1:]), self.dtype)
            found = np.empty((len(rows), *self.shape[1:]), self.dtype)
            for place, row in enumerate(rows.tolist()):
                found[place] = stored[row : row + 1][0]
            return found


def open_inputs(folder: Path) -> tuple[StoredArray, NDArray[np.int64], NDArray[np.int64]]:
    """The clean inputs (n, C, H, W) without reading them, their labels (n,) and ids (n,).

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    x, (label, ids) = open_arrays(folder / INPUTS, "y", "ids")
    if not len(x) == len(label) == len(ids):
        raise damaged(x.path, "safetensors", x.path.stat().st_size)
    return x, label, ids


def open_examples(path: Path) -> tuple[NDArray[np.int64], StoredArray]:
    """The ids (k,) of the adversarial examples in a file, and themselves (k, C, H, W) without reading them.

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    x, (ids,) = open_arrays(path, "ids")
    return ids, x


def open_arrays(path: Path, *names: str) -> tuple[StoredArray, list[NDArray[np.int64]]]:
    """The numbers `x` (n, …) of a safetensors file without reading them, and columns of whole numbers of these names.

    Whether they are of one length is left to the caller.

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    with _opened(path) as file:
        x = file.get_slice("x")
        stored = StoredArray(path, tuple(x.get_shape()), np.dtype(_NAMES[x.get_dtype()]))
        if stored.dtype.kind != "f" or stored.ndim < 2:  # noqa: PLR2004 (samples, and what they are made of)
            raise ValueError(f"x has shape {stored.shape} and type {stored.dtype}")
        columns = [file.get_tensor(name) for name in names]
        for name, column in zip(names, columns, strict=True):
            if column.dtype != np.int64 or column.ndim != 1:
                raise ValueError(f"{name} has shape {column.shape} and type {column.dtype}")
    return stored, columns


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A safetensors file; what goes wrong with it is told in one sentence."""
    from safetensors import safe_open  # noqa: PLC0415 (only for those who read)

    if not path.is_file():
        read_bytes(path)  # says what is wrong
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except Exception as error:  # a damaged file makes safetensors raise errors of many kinds
        raise damaged(path, "safetensors", path.stat().st_size if path.is_file() else 0) from error
