"""Inputs of a data set that may be larger than memory: read from it when they are asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.models.forward import numpy_of
from epsball.models.inputs import part_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Streamed:
    """Inputs `(n, …)` that are read again each time, and must be the same each time.

    Args:
        read: rows of the data set -> inputs (k, …) in data units and labels (k,).
        rows: those that are meant, in order (n,).
        first: one of the inputs (1, …), for shape and type.
        arrange: what is done to inputs that were read, such as a check.
        device: where they are given.
    """

    read: Callable[[list[int]], tuple[Tensor, Tensor]]
    rows: NDArray[np.int64]
    first: Tensor
    arrange: Callable[[Tensor], Tensor] = Tensor.detach
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    _digests: dict[int, bytes] = field(default_factory=dict)
    _last: list[tuple[bytes, tuple[Tensor, Tensor]]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all rows."""
        return (len(self.rows), *self.first.shape[1:])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.first.ndim

    @property
    def dtype(self) -> torch.dtype:
        """Type of the numbers."""
        return self.first.dtype

    def __getitem__(self, rows: slice | Tensor) -> Tensor:
        return self.pair(rows)[0]

    def pair(self, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and labels of a slice, or at places `(k,)`.

        Raises:
            InputError: the data set gave something else before.
        """
        at = self.rows[rows if isinstance(rows, slice) else rows.cpu().numpy()]
        if not (self._last and self._last[0][0] == at.tobytes()):
            x, y = self.read(at.tolist())
            if x.shape != (len(at), *self.shape[1:]) or x.dtype != self.dtype:
                raise InputError(
                    f"the data set gives inputs of shape {tuple(x.shape[1:])} and type {x.dtype} after such of {self.shape[1:]} and "
                    f"{self.dtype}; bring all to one size and type: --size 224 (size=224 in Python) cuts pictures, a transform anything"
                )
            self._compare(at, x, y)
            self._last[:] = [(at.tobytes(), (x, y))]
        x, y = self._last[0][1]
        return self.arrange(x.to(self.device)), y.to(self.device)

    def parts(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All inputs and labels in order, a part at a time."""
        size = part_size(self.shape)
        for start in range(0, len(self), size):
            yield self.pair(slice(start, start + size))

    def those(self, which: NDArray[np.bool_]) -> Streamed:
        """The inputs of some of the rows (n,)."""
        return replace(self, rows=self.rows[which])

    def _compare(self, at: NDArray[np.int64], x: Tensor, y: Tensor) -> None:
        for row, image, label in zip(at.tolist(), numpy_of(x), y.tolist(), strict=True):
            content = np.ascontiguousarray(image).tobytes() + str(label).encode()
            digest = hashlib.blake2b(content, digest_size=16).digest()
            if self._digests.setdefault(row, digest) != digest:
                raise InputError(
                    f"the data set gives another sample {row} each time it is read, and it is too large to be held in memory; "
                    "leave out transforms that draw random numbers"
                )
