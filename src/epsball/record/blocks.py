"""Arrays that need not be in memory at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

_BLOCK_BYTES = 2**26


class Rows(Protocol):
    """An array `(n, …)`, or what gives slices of one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all rows."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """Return these rows, in memory."""


def blocks(x: Rows) -> Iterator[NDArray[Any]]:
    """All rows in order, at most 64 MiB of them at a time."""
    one = max(1, math.prod(x.shape[1:]) * x.dtype.itemsize)
    size = max(1, _BLOCK_BYTES // one)
    for start in range(0, len(x), size):
        yield x[start : start + size]
