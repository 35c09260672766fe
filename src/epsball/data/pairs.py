"""Inputs and labels from what users have for them: tensors, arrays, and for labels lists of whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from epsball.errors import InputError, brief

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBERS = "biufc"
"""Kinds of NumPy's types that PyTorch has too; whether they will do is said where they are used."""


def inputs(part: Any) -> Any:
    """An array as a tensor that shares its numbers, or has a copy of those that must not be written to; a tensor as it is.

    Raises:
        InputError: no numbers, or a list of tensors.
    """
    if isinstance(part, np.ndarray) and part.dtype.kind in _NUMBERS:
        return _tensor(part)
    if isinstance(part, Tensor) or (hasattr(part, "shape") and not isinstance(part, np.ndarray)):
        return part
    given = f"an array of type {part.dtype}" if isinstance(part, np.ndarray) else f"a {type(part).__name__}"
    stack = isinstance(part, list | tuple) and len(part) and isinstance(part[0], Tensor)
    raise InputError(
        f"the inputs were given as {given}; expected a tensor or an array of numbers (N, …): "
        f"{'torch.stack(x) makes one of tensors of one size' if stack else 'make one, with numpy.array(x)'}"
    )


def labels(part: Any) -> Any:
    """Whole numbers, also in a list, as a tensor (N,); a tensor as it is.

    Raises:
        InputError: no labels, names of classes, a single number, or something else.
    """
    if isinstance(part, Tensor) or (hasattr(part, "shape") and not isinstance(part, np.ndarray | np.generic)):
        found = part
    else:
        found = _tensor(_array(part))
    if len(found.shape) == 0:
        raise InputError(
            f"the data give one sample at a time, the first with the label {brief(part)}; expected batches, inputs (N, …) with labels "
            "(N,): give list(data), a Dataset or a DataLoader"
        )
    return found


def holds_texts(array: NDArray[Any]) -> bool:
    """Whether all there is are texts, such as the names of classes."""
    return array.size > 0 and (
        array.dtype.kind == "U" or (array.dtype.kind == "O" and all(isinstance(each, str) for each in array.flat))
    )


def numbered(texts: NDArray[Any]) -> str:
    """The end of a sentence about labels that are texts, of which one is shown."""
    return (
        f"texts such as {brief(str(next(texts.flat)))}; expected one whole number a row: number the classes, "
        "names = sorted(set(y)) and y = [names.index(each) for each in y]"
    )


def _array(part: Any) -> NDArray[Any]:
    try:
        array = np.asarray(part)
    except ValueError:  # lists of several lengths
        array = np.asarray(None)
    if holds_texts(array):
        raise InputError(f"the labels were given as {numbered(array)}")
    if array.dtype.kind not in _NUMBERS:
        given = f"an array of type {part.dtype}" if isinstance(part, np.ndarray) else brief(part)
        raise InputError(
            f"the labels were given as {given}; expected one whole number a row, from 0, in a tensor, an array or a list (N,): convert "
            "them, or leave out the rows that have none"
        )
    return array


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array if array.flags.writeable else array.copy())
