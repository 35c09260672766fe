"""Inputs and labels as users have them: pairs of tensors or arrays, loaders, data sets, batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler

from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXPECTED = (
    "expected a pair (x, y) of inputs and labels, a DataLoader, a Dataset of such pairs, or an iterable of batches"
)
_IMAGES = ("pixel_values", "image", "images", "img", "x")
_LABELS = ("label", "labels", "fine_label", "y")
_AT_ONCE = 256
_ROUNDING = 1e-4
"""By how much undoing a normalisation may leave [0, 1]."""
_PAIR = 2


class Gathered(NamedTuple):
    """Inputs `(N, …)` in data units, labels `(N,)`, the normalisation `(C,)` that was undone for it, and the names of the classes.

    What there was not is None.
    """

    x: Any
    y: Any
    mean: Tensor | None = None
    std: Tensor | None = None
    class_names: tuple[str, ...] | None = None


def gathered(data: Any) -> Gathered:
    """Return the samples of what a user has, in their own order also where a loader would shuffle them.

    A `Normalize` at the end of a data set's transform is undone, so that inputs are in data units; arrays become tensors.

    Args:
        data: a pair of tensors or arrays, a `DataLoader`, a `Dataset`, or an iterable of batches, pairs or dictionaries.

    Raises:
        InputError: something else, batches without images or labels, or ones that do not fit together.
    """
    if isinstance(data, tuple | list) and len(data) == _PAIR and all(hasattr(part, "shape") for part in data):
        return Gathered(_tensor(data[0]), _tensor(data[1]), class_names=_class_names(data))
    batches = [_pair(batch) for batch in _batches(data)]
    if not batches:
        raise InputError("the data hold no batch; a generator can be gone through only once: make a new one")
    try:
        x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"the batches do not fit together ({error}); bring all images to one size, with a transform"
        ) from error
    normal = _normalisation(data)
    if normal is None:
        return Gathered(x, y, class_names=_class_names(data))
    mean, std = (torch.as_tensor(part, dtype=torch.float32).flatten() for part in (normal.mean, normal.std))
    raw = x * std[:, None, None] + mean[:, None, None]
    inside = raw.clamp(0, 1)
    return Gathered(torch.where((raw - inside).abs() <= _ROUNDING, inside, raw), y, mean, std, _class_names(data))


def _batches(data: Any) -> Iterator[Any]:
    if isinstance(data, str | Mapping | Tensor | np.ndarray) or not (
        isinstance(data, Iterable) or hasattr(data, "__getitem__")
    ):
        raise InputError(f"data was given as {type(data).__name__}; {_EXPECTED}")
    if isinstance(data, DataLoader) and isinstance(data.sampler, RandomSampler):
        data = DataLoader(data.dataset, data.batch_size or 1, collate_fn=data.collate_fn)
    elif not isinstance(data, DataLoader | list | tuple) and hasattr(data, "__getitem__"):
        data = DataLoader(data, _AT_ONCE)
    try:
        yield from data
    except TypeError as error:  # the loader's own, about items that are no numbers
        said = " ".join(str(error).split())[:120]
        raise InputError(
            f"the data set's items cannot be put together ({said}); expected tensors: add a transform such as ToTensor()"
        ) from error


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    if isinstance(batch, Mapping):
        found = [next((batch[name] for name in names if name in batch), None) for names in (_IMAGES, _LABELS)]
    else:
        found = list(batch[:_PAIR]) if isinstance(batch, tuple | list) else []
    if len(found) != _PAIR or any(part is None or not hasattr(part, "shape") for part in found):
        keys = f" with {', '.join(map(str, batch))}" if isinstance(batch, Mapping) else ""
        raise InputError(f"a batch of the data is a {type(batch).__name__}{keys}; {_EXPECTED}")
    x, y = map(_tensor, found)
    return x, y


def _tensor(part: Any) -> Any:
    """An array as a tensor that shares its numbers, or has a copy of those that must not be written to; anything else as it is."""
    if not isinstance(part, np.ndarray):
        return part
    return torch.from_numpy(part if part.flags.writeable else part.copy())


def _class_names(data: Any) -> tuple[str, ...] | None:
    """The names that `load_data`, torchvision's or Hugging Face's data sets have for their classes; None where there are none."""
    data = _innermost(data)
    names = getattr(data, "class_names", None) or getattr(data, "classes", None)
    features = getattr(data, "features", None)
    if names is None and isinstance(features, Mapping):
        names = next((getattr(features[name], "names", None) for name in _LABELS if name in features), None)
    fits = isinstance(names, list | tuple) and bool(names) and all(isinstance(name, str) for name in names)
    return tuple(names) if fits and names is not None else None


def _innermost(data: Any) -> Any:
    """The data set behind loaders and subsets."""
    while hasattr(data, "dataset"):
        data = data.dataset
    return data


def _normalisation(data: Any) -> Any:
    """The last transform of the data set behind loaders and subsets, where it is a `Normalize`; None else."""
    transform = getattr(_innermost(data), "transform", None)
    steps = getattr(transform, "transforms", [transform])
    last = steps[-1] if isinstance(steps, list | tuple | torch.nn.ModuleList) and len(steps) else None
    fits = type(last).__name__ == "Normalize" and hasattr(last, "mean") and hasattr(last, "std")
    return last if fits else None
