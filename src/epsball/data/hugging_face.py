"""Data sets of Hugging Face's `datasets`: live ones, and folders that their `save_to_disk` wrote. Nothing is fetched."""

from __future__ import annotations

import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.data.pictures import pictured
from epsball.data.source import Encoded, checked_labels
from epsball.errors import InputError
from epsball.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from epsball.data.source import Rows, Source

IMAGES = ("image", "img", "images", "picture", "photo", "x")
LABELS = ("label", "labels", "fine_label", "target", "class", "y")
"""Usual names of columns, of which the first that is there is taken."""
_DIVIDED = "dataset_dict.json"
_SAVED = ("dataset_info.json", "state.json")


def is_divided(data: Any) -> bool:
    """Whether it is a `DatasetDict`, which has a data set for each split."""
    return _is(data, "DatasetDict", "IterableDatasetDict")


def has_pictures(data: Any) -> bool:
    """Whether it is a `Dataset` or `IterableDataset` with a column of pictures, and no function that makes something of its rows."""
    if _is(data, "IterableDataset"):
        return True
    return _is(data, "Dataset") and data.format["type"] != "custom" and bool(_of_kind(data.features, "Image"))


def with_tensors(data: Any) -> Any:
    """A `Dataset` without pictures whose arrays become tensors when they are read; anything else as it is."""
    plain = _is(data, "Dataset") and data.format["type"] != "custom"
    return data.with_format("torch") if plain else data


def of_split(data: Mapping[str, Any], split: str) -> Any:
    """The data set of that split.

    Raises:
        InputError: there is none.
    """
    if split not in data:
        raise InputError(
            f"there is no split {split!r}; {did_you_mean(split, data)}the data set is divided into {', '.join(data) or 'nothing'}"
        )
    return data[split]


def read_dataset(data: Any, origin: str, limit: int | None = None, *, whole: bool = True) -> Source:
    """A labelled set whose pictures are decoded when they are asked for; those of an `IterableDataset` are held as their files are.

    The columns are found by their features: `Image`; `ClassLabel`, else whole numbers of a usual name.

    Args:
        data: with a column of pictures and one of labels.
        origin: what it is called in sentences.
        limit: rows of an `IterableDataset` that are read at most; all by default.
        whole: whether it is no split of a larger one.

    Raises:
        InputError: no such columns, or several that are not told apart.
    """
    if data.features is None:
        raise InputError(
            f"{origin} streams rows and does not say of what; give it features: IterableDataset.from_generator(…, features=…)"
        )
    image, label = _image_column(data.features, origin), _label_column(data.features, origin)
    names = getattr(data.features[label], "names", None)
    rows = sys.modules["datasets"]
    raw = data.cast_column(image, rows.Image(decode=False))
    if _is(data, "IterableDataset"):
        held = list(raw.select_columns([image, label]).take(sys.maxsize if limit is None else limit))
        labels: Any = np.asarray([each[label] for each in held])
        pictures = [each[image] for each in held]
    else:
        raw = raw.with_format(None)
        labels = np.asarray(raw.with_format("numpy")[label][:]) if len(raw) else np.zeros(0, np.int64)
        pictures = None

    def read(at: Rows) -> Iterator[tuple[str, bytes]]:
        values = raw[at.tolist()][image] if pictures is None else [pictures[row] for row in at]
        return (_file(value, f"row {row} of {origin}") for row, value in zip(at, values, strict=True))

    return pictured(
        checked_labels(labels, origin), Encoded(read), whole=whole, class_names=tuple(names) if names else None
    )


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return (folder / _DIVIDED).is_file() or all((folder / name).is_file() for name in _SAVED)


def load_saved(folder: Path) -> Any:
    """The `Dataset` or `DatasetDict` that a folder holds; its rows stay on the disk.

    Raises:
        InputError: `datasets` is missing, or the folder is damaged.
    """
    if find_spec("datasets") is None:
        raise InputError(
            f'{folder} was written by Hugging Face\'s datasets, which is not here; pip install "epsball[datasets]"'
        )
    import datasets  # noqa: PLC0415 of the datasets extra

    try:
        data = datasets.load_from_disk(str(folder.resolve()))
        for each in data.values() if is_divided(data) else [data]:
            each.data.validate(
                full=True
            )  # offsets that lead outside of a damaged file end the process where they are followed
    except Exception as error:  # what stands in a folder may make it raise anything
        said = textwrap.shorten(str(error), 200)
        raise InputError(
            f"{folder} cannot be read as a data set that save_to_disk wrote ({type(error).__name__}: {said}); save it again"
        ) from error
    return data


def _is(data: Any, *kinds: str) -> bool:
    """Whether it is of one of these classes; `datasets` is imported already where it is."""
    package = sys.modules.get("datasets")
    return package is not None and isinstance(data, tuple(getattr(package, kind) for kind in kinds))


def _of_kind(features: Mapping[str, Any], kind: str) -> list[str]:
    return [name for name, feature in features.items() if type(feature).__name__ == kind]


def _image_column(features: Mapping[str, Any], origin: str) -> str:
    found = _of_kind(features, "Image")
    if not found:
        raise InputError(
            f"{origin} has the columns {', '.join(features)}, and none is of pictures; expected one of the feature Image: "
            'cast it, data.cast_column("image", datasets.Image())'
        )
    return _one(found, IMAGES, origin, "pictures")


def _label_column(features: Mapping[str, Any], origin: str) -> str:
    whole = [name for name in LABELS if str(getattr(features.get(name), "dtype", "")).startswith(("int", "uint"))]
    found = _of_kind(features, "ClassLabel") or whole
    if not found:
        texts = [name for name in LABELS if getattr(features.get(name), "dtype", "") == "string"]
        remedy = f"data.class_encode_column({texts[0] if texts else 'label'!r}) makes one of texts"
        raise InputError(
            f"{origin} has the columns {', '.join(features)}, and none is of labels; expected one of the feature ClassLabel: {remedy}"
        )
    return _one(found, LABELS, origin, "labels")


def _one(found: list[str], usual: tuple[str, ...], origin: str, what: str) -> str:
    """The only one, or the first with a usual name."""
    named = [name for name in usual if name in found]
    if len(found) > 1 and not named:
        others = ", ".join(map(repr, found[1:]))
        raise InputError(
            f"{origin} has several columns of {what}, {', '.join(found)}, and which one is meant is not plain; "
            f"remove the others: data.remove_columns([{others}])"
        )
    return found[0] if len(found) == 1 else named[0]


def _file(value: Any, name: str) -> tuple[str, bytes]:
    """The name and the bytes of an encoded picture; where only a path is known, that of a file here."""
    if value is None:
        raise InputError(f"{name} has no picture; remove it")
    if value.get("bytes") is not None:
        return name, value["bytes"]
    path = Path(value.get("path") or "")
    if not path.is_file():
        raise InputError(
            f"{name} is kept elsewhere, {path}, where there is no file; fetch it, or save the data set whole"
        )
    return name, path.read_bytes()
