"""What every source of data gives: labels at once, images only for the rows that are read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from epsball.data.cut import Cut
from epsball.data.pairs import holds_texts, numbered
from epsball.errors import InputError
from epsball.registry import Registry

Labels = NDArray[np.int64]
Rows = NDArray[np.intp]
Images = NDArray[np.floating] | NDArray[np.uint8]

MOST_CLASSES = 2**20
"""Of a set whose number of classes is not known: a network made for its labels has to fit into memory."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """Pictures as files hold them.

    Args:
        read: rows (n,) -> for each a name, for messages, and the bytes.
        colour: three channels even where all are grey.
    """

    read: Callable[[Rows], Iterator[tuple[str, bytes]]]
    colour: bool = False


@dataclass(frozen=True, eq=False)
class Source:
    """A labelled set whose images are read on demand.

    Args:
        labels: (N,) whole numbers from 0, in the order of the source.
        images: rows (n,) -> (n, C, H, W), uint8 in 0..255, or floats in data units, which are [0, 1].
        whole: whether these are all samples there are, because the set is not divided into splits.
        class_names: names of the classes in the order of the labels; None where the source does not name them.
        encoded: the same images as pictures of any size; None where they are arrays.
        cut: what was done to bring the pictures to one size.
        mean: (C,) of a normalisation that was undone, which the model then does; None where there was none.
        std: likewise.
    """

    labels: Labels
    images: Callable[[Rows], Images]
    whole: bool = False
    class_names: tuple[str, ...] | None = None
    encoded: Encoded | None = None
    cut: Cut | None = None
    mean: Tensor | None = None
    std: Tensor | None = None


@dataclass(frozen=True)
class Named:
    """A source that is found by its name.

    Args:
        description: what it holds, for lists.
        classes: K.
        read: split -> the source, where no folder of one's own has it.
        home: "embedded" in an installed package, "public" on the web, or "none", so that one must bring it along.
        crop: photographs are cut to this side; None for images that are of one size already.
    """

    description: str
    classes: int
    read: Callable[[str], Source]
    home: Literal["embedded", "public", "none"] = "public"
    crop: int | None = None


SOURCES: Registry[Named] = Registry(
    "data set",
    group="epsball.data",
    also="a Parquet file or folder, an image folder, an .npz, a folder of Hugging Face's save_to_disk, or path/to/file.py:factory",
)
"""The named sources; another package adds its own by the entry point group `epsball.data`."""


def checked_labels(labels: NDArray[np.generic], origin: str, classes: int | None = None) -> Labels:
    """Labels as int64 (N,).

    Args:
        labels: (N,) or (N, 1) of any integer type.
        origin: where they come from, for the message.
        classes: K, where the set has a known number of classes.

    Raises:
        InputError: no rows, no whole numbers, one-hot rows, or labels outside 0..K-1.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:  # noqa: PLR2004 a column of labels
        labels = labels[:, 0]
    if holds_texts(labels):
        raise InputError(f"{origin} holds labels that are {numbered(labels)}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            f"{origin} holds labels of shape {labels.shape} and type {labels.dtype}, expected one whole number a row; "
            f"convert them, {'with astype(int)' if labels.ndim == 1 else 'one-hot rows with argmax(1)'}"
        )
    if len(labels) == 0:
        raise InputError(f"{origin} holds no rows; give a set with at least one image")
    low, high = int(labels.min()), int(labels.max())
    if not 0 <= low <= high < (MOST_CLASSES if classes is None else classes):
        expected = f"0 to {(classes or MOST_CLASSES) - 1:,}"
        raise InputError(f"{origin} holds labels from {low} to {high}, expected {expected}; renumber the classes")
    return labels.astype(np.int64)


def choose(labels: Labels, n: int | None, seed: int | None, origin: str) -> Rows:
    """Which rows to read, and in which order: a pure function of its arguments.

    All rows in the order of the source; with `n`, the first n of them. Where the source is sorted by class, the first n
    would be a class or two: then the classes take turns, each in its own order. With `seed`, the rows are shuffled first.

    Raises:
        InputError: n below 1, or above the size of the set.
    """
    if n is not None and not 1 <= n <= len(labels):
        raise InputError(f"{origin} has {len(labels)} rows and n was given as {n}; give n from 1 to {len(labels)}")
    if seed is not None:
        return np.random.default_rng(seed).permutation(len(labels))[:n]
    if n is not None and n < len(labels) and bool(np.all(np.diff(labels) >= 0)):
        return in_turn(labels)[:n]
    return np.arange(len(labels) if n is None else n)


def in_turn(labels: Labels) -> Rows:
    """All rows so that the classes take turns: the first of every class, then the second of every class, and so on."""
    by_class = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    turn = np.empty(len(labels), dtype=np.intp)
    turn[by_class] = np.arange(len(labels)) - np.repeat(starts, counts)
    return np.lexsort((labels, turn))
