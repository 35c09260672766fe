"""Samples to train on or to measure with, once they are such."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from epsball.errors import InputError, brief


def checked_samples(data: Any, name: str) -> tuple[Tensor, Tensor]:
    """Return inputs x (N, …) and labels y (N,) from a pair of them.

    Args:
        data: the pair.
        name: what it is called.

    Raises:
        InputError: no pair of tensors, none of them, other types, other lengths, NaN or infinite values.
    """
    if not isinstance(data, tuple | list) or len(data) != 2 or not all(isinstance(part, Tensor) for part in data):  # noqa: PLR2004 (inputs and labels)
        raise InputError(
            f"the {name} set was given as {brief(data)}; expected a pair (x, y) of tensors, images and labels"
        )
    x, y = data
    if (
        not x.is_floating_point()
        or y.dtype != torch.int64
        or y.ndim != 1
        or x.ndim == 0
        or len(x) != len(y)
        or len(y) == 0
    ):
        raise InputError(
            f"the {name} set is x {tuple(x.shape)} {x.dtype} and y {tuple(y.shape)} {y.dtype}; "
            "expected floats (N, C, H, W) and int64 labels (N,), as load_data gives them"
        )
    if strange := int((~torch.isfinite(x)).sum()):
        raise InputError(
            f"the {name} set has {strange} values that are NaN or infinite; expected finite numbers: look at how it was read"
        )
    return x, y


def checked_labels(y: Tensor, classes: int, name: str) -> None:
    """Check the labels (N,) against the classes that the model tells apart.

    Raises:
        InputError: a label is negative or beyond the last class.
    """
    if not 0 <= int(y.min()) <= int(y.max()) < classes:
        raise InputError(
            f"the labels of the {name} set run from {int(y.min())} to {int(y.max())} and the model has {classes} classes; "
            "expected labels from 0: build the model with that many classes"
        )


def checked_variety(y: Tensor) -> None:
    """Check that there is something to tell apart among the labels (N,).

    Raises:
        InputError: all labels are the same.
    """
    if int(y.min()) == int(y.max()):
        raise InputError(
            f"the training set has the label {int(y[0])} alone ({len(y)} times); expected several classes: a network that "
            f"always answers {int(y[0])} would be right, so take samples of every class, such as more with --n, or in another order"
        )
