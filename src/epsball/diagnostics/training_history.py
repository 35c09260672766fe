"""What the checks after a training are handed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEW_STEPS = 50
"""Steps before which a network that guesses has hardly begun to learn."""


@dataclass(frozen=True, eq=False)
class TrainingHistory:
    """A finished training.

    Args:
        label: true labels of the samples (n,) on which the last weights were tried.
        predicted: their labels by the last weights (n,).
        classes: how many the model tells apart.
        held_out: whether these samples were kept out of the training.
        robust: accuracy under PGD after each epoch (e,); empty where it was not measured.
        fgsm: accuracy under FGSM on the same samples after each epoch (e,); empty likewise.
        steps: how often the weights were changed.
    """

    when: ClassVar[str] = "training"

    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    classes: int
    held_out: bool
    robust: NDArray[np.float64]
    fgsm: NDArray[np.float64]
    steps: int
