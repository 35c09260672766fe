"""Images from NumPy, whose numbers are float64 unless something else was asked for, in the precision of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from epsball.models.model import Model

_OTHERS = (np.float16, np.float64)
"""Types that a network of single precision does not take."""


def in_precision_of(model: Model, data: Any) -> Any:
    """Return data, or batches of them, with float32 arrays for float64 and float16 ones where the weights of the model are float32.

    Tensors keep their type: it was chosen.
    """
    weights = () if model.module is None else model.module.parameters()
    kinds = {weight.dtype for weight in weights if weight.is_floating_point()}
    return in_single(data) if kinds == {torch.float32} else data


def in_single(data: Any) -> Any:
    """Return data, or batches of them, with float32 arrays for float64 and float16 ones."""
    if isinstance(data, np.ndarray):
        return data.astype(np.float32) if data.dtype in _OTHERS else data
    if isinstance(data, Mapping):
        arrays = {name: in_single(part) for name, part in data.items() if isinstance(part, np.ndarray)}
        return {**data, **arrays} if arrays else data
    if isinstance(data, Iterator):
        return map(in_single, data)
    if type(data) not in {list, tuple} or not data:
        return data
    if isinstance(data[0], np.ndarray):  # images, with labels behind them
        return type(data)((in_single(data[0]), *data[1:]))
    return type(data)(map(in_single, data))
