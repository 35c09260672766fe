"""Inputs that need not all be in memory: a tensor, or what gives rows of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import Tensor

_PART_NUMBERS = 2**24


class Inputs(Protocol):
    """Inputs `(n, …)` in data units; a tensor is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all rows."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def dtype(self) -> torch.dtype:
        """Type of the numbers."""

    @property
    def device(self) -> torch.device:
        """Where rows are given."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __getitem__(self, rows: slice | Tensor, /) -> Tensor:
        """Return the rows of a slice or at places `(k,)`."""


def part_size(shape: tuple[int, ...]) -> int:
    """How many rows `(n, …)` are held at a time of inputs that are read in parts: at most 1,024, and 64 MiB in single precision."""
    one = 1
    for side in shape[1:]:
        one *= side
    return max(1, min(1024, _PART_NUMBERS // max(1, one)))


def parts(x: Inputs) -> Iterator[Tensor]:
    """All rows in order, a part at a time."""
    size = part_size(x.shape)
    for start in range(0, len(x), size):
        yield x[start : start + size]
