"""Inputs and labels as users have them: pairs of tensors or arrays, loaders, data sets, batches."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, default_collate

from epsball.data import hugging_face, pairs
from epsball.data.opened import Opened
from epsball.data.origin import UNKNOWN, Origin
from epsball.data.source import choose
from epsball.data.streamed import Streamed
from epsball.errors import EightBitWarning, InputError, brief

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from epsball.data.cut import Cut

_EXPECTED = (
    "expected a pair (x, y) of inputs and labels, a DataLoader, a Dataset of such pairs, or an iterable of batches"
)
_IMAGES = ("pixel_values", *hugging_face.IMAGES)
_LABELS = hugging_face.LABELS
_AT_ONCE = 256
_ROUNDING = 1e-4
"""By how much undoing a normalisation may leave [0, 1]."""
_PAIR = 2
HELD = 2**27
"""Bytes of inputs up to which all of them are held in memory."""


WHITE = 255


class Gathered(NamedTuple):
    """Inputs `(N, …)` in data units, labels `(N,)`, the normalisation `(C,)` that was undone for it, the names of the classes, the cut.

    What there was not is None; labels are None where they are read together with the inputs.
    """

    x: Any
    y: Any
    mean: Tensor | None = None
    std: Tensor | None = None
    class_names: tuple[str, ...] | None = None
    cut: Cut | None = None
    origin: Origin = UNKNOWN

    def those(self, rows: NDArray[np.int64]) -> Gathered:
        """The samples of these rows (k,), in that order."""
        if isinstance(self.x, Streamed):
            y = None if self.y is None else self.y[torch.from_numpy(rows).to(self.y.device)]
            return self._replace(x=replace(self.x, rows=self.x.rows[rows]), y=y)
        x, y = (part[torch.from_numpy(rows).to(part.device)] for part in (self.x, self.y))
        return self._replace(x=x, y=y)


def gathered(data: Any, *, white: float = 1.0, size: tuple[int, int] | None = None) -> Gathered:
    """Return the samples of what a user has, in their own order also where a loader would shuffle them.

    A `Normalize` at the end of a data set's transform is undone, so that inputs are in data units; arrays become tensors, and 8-bit
    pixels, of the type uint8, numbers in data units, which an `EightBitWarning` says.

    Args:
        data: a pair of tensors or arrays, labels also in a list; a `DataLoader`, a `Dataset`, one of Hugging Face's, a list of
            samples, or an iterable of batches, pairs or dictionaries; what was gathered already is given back.
        white: the largest pixel in data units, 1 or 255; for another one 8-bit pixels are left as they are.
        size: height and width that the network was made for, to which pictures that differ are cut.

    Raises:
        InputError: something else, batches without images or labels, or ones that do not fit together.
    """
    if isinstance(data, Gathered):
        return data
    if isinstance(data, tuple | list) and any(hasattr(part, "shape") for part in data):
        x, y = _parts(data)
        cut, origin = getattr(data, "cut", None), getattr(data, "origin", UNKNOWN)
        return Gathered(_eight_bit(x, white), y, class_names=_class_names(data), cut=cut, origin=origin)
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        raise InputError(
            f"data was given as {type(data).__name__}, a table; {_EXPECTED}: take them from its columns, "
            'such as (table.drop(columns="label").to_numpy(), table["label"].to_numpy())'
        )
    data = _opened(data)
    data = data.fitting(size) if isinstance(data, Opened) else data
    streamed = _streamed(data, white)
    if streamed is not None:
        return streamed
    if isinstance(data, Opened):
        return Gathered(*data.held(), data.mean, data.std, data.class_names, data.cut, data.origin)
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
    mean, std = normal or (None, None)
    return Gathered(_eight_bit(_undone(x, normal), white), y, mean, std, _class_names(data))


def _opened(data: Any) -> Any:
    """A data set of Hugging Face as one of PyTorch, with tensors for arrays; anything else as it is."""
    if hugging_face.is_divided(data):
        names = ", ".join(data)
        raise InputError(
            f"the data is divided into {names}; give one of these, such as data[{next(iter(data), 'test')!r}], or "
            "eb.open_data(data, split=…)"
        )
    if not hugging_face.has_pictures(data):
        return hugging_face.with_tensors(data)
    source = hugging_face.read_dataset(data, "the data set")
    return Opened(source, choose(source.labels, None, None, "the data set"), UNKNOWN)


def _streamed(data: Any, white: float) -> Gathered | None:
    """What is read part by part, because it would take much memory; None for anything smaller, or without rows to choose from."""
    loader = isinstance(data, DataLoader)
    if loader and (data.batch_size is None or not isinstance(data.sampler, RandomSampler | SequentialSampler)):
        return None
    source, collate = (data.dataset, data.collate_fn) if loader else (data, default_collate)
    if isinstance(source, list | tuple | str | Mapping | Tensor | np.ndarray | IterableDataset) or not (
        hasattr(source, "__getitem__") and hasattr(source, "__len__") and len(source)
    ):
        return None
    normal = _normalisation(data)

    def read(rows: list[int]) -> tuple[Tensor, Tensor]:
        items = source.__getitems__(rows) if hasattr(source, "__getitems__") else [source[row] for row in rows]
        x, y = _pair(_together(items, collate))
        return _eight_bit(_undone(x, normal), white), y

    first, _ = read([0])
    if len(source) * first.numel() * first.element_size() <= HELD:
        return None
    inputs = Streamed(read, np.arange(len(source)), first)
    if isinstance(source, Opened):
        return Gathered(inputs, source.labels, source.mean, source.std, source.class_names, source.cut, source.origin)
    mean, std = normal or (None, None)
    return Gathered(inputs, None, mean, std, _class_names(data))


def _together(items: list[Any], collate: Callable[[list[Any]], Any]) -> Any:
    try:
        return collate(items)
    except (TypeError, RuntimeError) as error:  # the loader's own, about items that are no numbers, or of several sizes
        said = " ".join(str(error).split())[:120]
        remedy = "expected tensors: add a transform such as ToTensor()"
        if isinstance(error, RuntimeError):
            remedy = "bring all images to one size, with a transform"
        elif "NoneType" in said:
            remedy = "expected a label with every image, a whole number"
        raise InputError(f"the data set's items cannot be put together ({said}); {remedy}") from error


def _eight_bit(x: Any, white: float) -> Any:
    """Pixels of 8 bits in data units, in which white is 1 or 255; anything else as it is."""
    if not (isinstance(x, Tensor) and x.dtype == torch.uint8 and white in {1, WHITE}):
        return x
    if white == WHITE:
        return x.float()
    warnings.warn("the images have 8-bit pixels, 0 to 255, and are divided by 255", EightBitWarning, 2)
    return x.float().div_(WHITE)


def _undone(x: Tensor, normal: tuple[Tensor, Tensor] | None) -> Tensor:
    """Inputs `(N, C, H, W)` in data units."""
    if normal is None:
        return x
    mean, std = normal
    raw = x * std[:, None, None] + mean[:, None, None]
    inside = raw.clamp(0, 1)
    return torch.where((raw - inside).abs() <= _ROUNDING, inside, raw)


def _batches(data: Any) -> Iterator[Any]:
    if isinstance(data, str):
        named = f"eb.load_data({brief(data)}) or eb.open_data({brief(data)})"
        raise InputError(f"data was given as str; {_EXPECTED}: {named} reads a set by its name or path")
    if isinstance(data, Mapping | Tensor | np.ndarray) or not (
        isinstance(data, Iterable) or hasattr(data, "__getitem__")
    ):
        raise InputError(f"data was given as {type(data).__name__}; {_EXPECTED}")
    if isinstance(data, DataLoader) and isinstance(data.sampler, RandomSampler):
        together = partial(_together, collate=data.collate_fn)
        data = DataLoader(data.dataset, data.batch_size or 1, collate_fn=together)
    elif (not isinstance(data, DataLoader | list | tuple) and hasattr(data, "__getitem__")) or _holds_samples(data):
        data = DataLoader(data, _AT_ONCE, collate_fn=partial(_together, collate=default_collate))
    yield from data


def _holds_samples(data: Any) -> bool:
    """Whether a list holds samples (x, label), which is what a data set is, rather than batches."""
    first = data[0] if isinstance(data, list | tuple) and data else None
    return (
        isinstance(first, tuple | list)
        and len(first) >= _PAIR
        and (isinstance(first[1], str | int) or getattr(first[1], "shape", None) == ())
    )


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    if isinstance(batch, Mapping):
        found = [next((batch[name] for name in names if name in batch), None) for names in (_IMAGES, _LABELS)]
    else:
        found = list(batch[:_PAIR]) if isinstance(batch, tuple | list) else []
    if len(found) != _PAIR or (isinstance(batch, Mapping) and any(part is None for part in found)):
        keys = f" with {', '.join(map(str, batch))}" if isinstance(batch, Mapping) else ""
        raise InputError(f"a batch of the data is a {type(batch).__name__}{keys}; {_EXPECTED}")
    return pairs.inputs(found[0]), pairs.labels(found[1])


def _parts(data: tuple[Any, ...] | list[Any]) -> tuple[Any, Any]:
    """Inputs and labels of a pair of which one at least is a tensor or an array."""
    if len(data) != _PAIR:
        given = ", ".join(type(part).__name__ for part in data[:4])
        raise InputError(
            f"data was given as a {type(data).__name__} of {given}; {_EXPECTED}: give inputs and labels alone"
        )
    if isinstance(data[1], int) or getattr(data[1], "shape", None) == ():
        raise InputError(
            f"the data are one sample, with the label {brief(data[1])}; expected a pair of inputs (N, …) and labels (N,): "
            "give x[:1], y[:1] for x[0], y[0]"
        )
    return pairs.inputs(data[0]), pairs.labels(data[1])


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


def _normalisation(data: Any) -> tuple[Tensor, Tensor] | None:
    """Mean and standard deviation `(C,)` of the last transform of the data set, where it is a `Normalize`; None else."""
    transform = getattr(_innermost(data), "transform", None)
    steps = getattr(transform, "transforms", [transform])
    last: Any = steps[-1] if isinstance(steps, list | tuple | torch.nn.ModuleList) and len(steps) else None
    fits = type(last).__name__ == "Normalize" and hasattr(last, "mean") and hasattr(last, "std")
    if not fits:
        return None
    mean, std = (torch.as_tensor(part, dtype=torch.float32).flatten() for part in (last.mean, last.std))
    return mean, std
