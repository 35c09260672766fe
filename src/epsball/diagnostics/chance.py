"""When is a classifier no better than guessing?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from epsball.record.proportion import Proportion

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR_CHANCE = 2.0
"""Standard deviations."""
FEW = 50
"""Samples of which an honest classifier may give all the same label."""


def guess(label: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> str:
    """What shows that a classifier guesses; empty where it does not.

    Its accuracy lies within two standard deviations of 1/K, or it gives many samples of several classes one and the same label.

    Args:
        label: true labels (n,).
        predicted: the classifier's (n,).
        classes: K.
    """
    n, chance, accuracy = len(label), 1 / classes, Proportion.of(label == predicted)
    if accuracy.times < n and float(accuracy) <= chance + NEAR_CHANCE * math.sqrt(chance * (1 - chance) / n):
        return f"accuracy {accuracy}, guessing among {classes} classes gives {chance:.1%}"
    if n >= FEW and len(np.unique(label)) > 1 and len(np.unique(predicted)) == 1:
        return f"all {n} samples were given the label {predicted[0]}, accuracy {accuracy}"
    return ""
