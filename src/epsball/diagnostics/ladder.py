"""What is measured beside the attacks of a run, on a few of its samples: short searches at several budgets, and one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RISES = 0.01
"""Odds with which an accuracy would rise by as much if it did not."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """The same short search by gradients at several budgets, each from the inputs, on correctly classified samples.

    Args:
        ids: of the samples (k,).
        budgets: in data units, rising (b,); the last is the largest that makes sense, and allows a grey image.
        broken: whether an error was found at each budget (b, k).
    """

    ids: NDArray[np.int64]
    budgets: tuple[float, ...]
    broken: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class OneStep:
    """One step along the gradient of the loss of the true label, ε long, on samples drawn at random, those that are wrong too.

    Args:
        before: whether the inputs are classified correctly (k,).
        after: whether they are after the step (k,).
    """

    before: NDArray[np.bool_]
    after: NDArray[np.bool_]
