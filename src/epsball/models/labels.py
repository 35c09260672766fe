"""Predicted labels as logits: what a model of which only decisions are known looks like to an attack."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from epsball.errors import ModelError
from epsball.models.entries import only

_FORM = re.compile(r"labels:([0-9]{1,6})", re.ASCII)
_FEWEST_CLASSES = 2


def classes_of(outputs: str) -> int:
    """Return the number of classes in "labels:10"; 0 for other kinds of outputs."""
    form = _FORM.fullmatch(outputs)
    count = int(form[1]) if form else 0
    return count if count >= _FEWEST_CLASSES else 0


def one_hot(answer: object, x: Tensor, classes: int) -> Tensor:
    """Return the labels that a model gave for inputs `x` `(N, …)` as logits `(N, K)`: 1 for the label and -1 for the others.

    Raises:
        ModelError: anything but one whole number from 0 to K-1 for each input.
    """
    answer = only(answer)
    labels = answer if isinstance(answer, Tensor) else torch.as_tensor(answer)
    if labels.numel() != len(x) or labels.is_complex() or not bool((labels == labels.long()).all()):
        raise ModelError(
            f"the model returned shape {tuple(labels.shape)} and type {str(labels.dtype)[6:]} for {len(x)} inputs; expected (N,) "
            f'whole numbers, one label a sample, as outputs="labels:{classes}" says'
        )
    labels = labels.reshape(len(x)).long()
    if len(x) and not bool(((labels >= 0) & (labels < classes)).all()):
        raise ModelError(
            f"the model returned labels from {int(labels.min())} to {int(labels.max())}; expected 0 to {classes - 1}, as "
            f'outputs="labels:{classes}" says: give the number of classes, and number them from 0'
        )
    return 2 * torch.nn.functional.one_hot(labels, classes).to(x) - 1  # not 0 and 1, which would be probabilities
