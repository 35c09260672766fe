"""Data that are there already, or that a function of a file makes, as a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from epsball.data import hugging_face
from epsball.data.batches import gathered
from epsball.data.source import Source, checked_labels
from epsball.data.streamed import Streamed
from epsball.errors import InputError
from epsball.models.adapters.python_file import made
from epsball.models.forward import numpy_of
from epsball.models.precision import in_single

if TYPE_CHECKING:
    from epsball.data.batches import Gathered


def read_factory(name: str, split: str, limit: int | None) -> Source:
    """What path/to/file.py:factory gives, called without arguments and under its own random state.

    Args:
        name: of the factory; data that are ready may stand in its place.
        split: which one, of a `DatasetDict`.
        limit: rows that are needed at most.

    Raises:
        InputError: no such file or function, one that raised, or something that is no data.
    """
    try:
        return read_live(made(name, 0), split, limit, name)
    except InputError as error:
        if name.partition(":")[0] in str(error):
            raise
        raise InputError(f"{name}: {error}") from error


def read_live(data: Any, split: str, limit: int | None, origin: str) -> Source:
    """A labelled set from what `evaluate` takes too.

    Args:
        data: a `DataLoader`, a `Dataset`, a pair of arrays, one of Hugging Face's, or an iterable of batches.
        split: which one, of a `DatasetDict`.
        limit: rows that are needed at most.
        origin: what it is called in sentences.

    Raises:
        InputError: it is no data.
    """
    divided = hugging_face.is_divided(data)
    data = hugging_face.of_split(data, split) if divided else data
    if hugging_face.has_pictures(data):
        return hugging_face.read_dataset(data, origin, limit, whole=not divided)
    return _of_rows(gathered(in_single(data)), origin, whole=not divided)


def _of_rows(given: Gathered, origin: str, *, whole: bool) -> Source:
    x: Any = given.x
    if not isinstance(x, Tensor | Streamed):
        raise InputError(f"{origin}: the inputs were given as {type(x).__name__}; expected a tensor or an array (N, …)")
    y = given.y
    if y is None and isinstance(x, Streamed):  # they are read together with the inputs
        y = torch.cat([part for _, part in x.parts()])
    labels = checked_labels(numpy_of(torch.as_tensor(y)), origin)
    if len(labels) != len(x):
        raise InputError(f"{origin} holds {len(x)} inputs and {len(labels)} labels; give one label an input")
    return Source(
        labels,
        lambda rows: numpy_of(x[torch.from_numpy(np.asarray(rows, np.int64))]),
        whole=whole,
        class_names=given.class_names,
        cut=given.cut,
        mean=given.mean,
        std=given.std,
    )
