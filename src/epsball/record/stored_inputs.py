"""The inputs of a run folder, written and read a few at a time: there may be more of them than memory holds."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record.blocks import blocks
from epsball.record.files import damaged, read_bytes, refuse_strange
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
class StoredInputs:
    """The clean inputs `(n, …)` of a run folder; rows are read from the file when they are asked for."""

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
        from safetensors import safe_open  # noqa: PLC0415 (only for those who read)

        with safe_open(
            self.path, framework="numpy"
        ) as file:  # opened anew, or all pages that were read would stay in memory
            stored = file.get_slice("x")
            if isinstance(rows, slice):
                start, stop, _ = rows.indices(len(self))
                return np.asarray(stored[start : max(start, stop)])
            found = np.empty((len(rows), *self.shape[1:]), self.dtype)
            for place, row in enumerate(rows.tolist()):
                found[place] = stored[row : row + 1][0]
            return found


def open_inputs(folder: Path) -> tuple[StoredInputs, NDArray[np.int64], NDArray[np.int64]]:
    """The clean inputs (n, C, H, W) without reading them, their labels (n,) and ids (n,).

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    from safetensors import safe_open  # noqa: PLC0415 (only for those who read)

    path = folder / INPUTS
    if not path.is_file():
        read_bytes(path)  # says what is wrong
    try:
        with safe_open(path, framework="numpy") as file:
            x = file.get_slice("x")
            stored = StoredInputs(path, tuple(x.get_shape()), np.dtype(_NAMES[x.get_dtype()]))
            label, ids = file.get_tensor("y"), file.get_tensor("ids")
        for name, array in (("x", stored), ("y", label), ("ids", ids)):
            refuse_strange(name, array, len(stored))
    except Exception as error:  # a damaged file makes safetensors raise errors of many kinds
        raise damaged(path, "safetensors", path.stat().st_size) from error
    return stored, label, ids
