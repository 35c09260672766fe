"""Inputs of PyTorch for those who read arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from epsball.models.forward import numpy_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from epsball.models.inputs import Inputs


class AsArray:
    """Inputs as NumPy has them, read when they are asked for."""

    def __init__(self, x: Inputs) -> None:
        self._x = x
        self.shape = tuple(x.shape)
        self.dtype = numpy_of(x[:1]).dtype

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return numpy_of(self._x[rows])
