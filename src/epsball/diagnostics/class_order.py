"""D41."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.record.proportion import Proportion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DEVIATIONS = 4
"""The other order must be right on more samples by this many standard deviations of chance."""
FEWEST = 10
"""Names of fewer classes, counted from 0 or 1, are the same in both orders."""


@check(
    "D41",
    "FAIL",
    Preflight,
    remedy="number the labels as the network was trained: torchvision's ImageFolder sorts class folders as texts, 0, 1, 10, 2; "
    "name folders 00, 01, 02 … and both orders are one",
)
def class_order(given: Preflight) -> Iterator[Observation]:
    """Labels in another order of the class names, by number or as texts, must not fit the network's outputs much better.

    Nor may names be missing, unless they are the numbers of the labels.
    """
    named = len(given.names)
    if 0 < named < given.classes and any(not name.isdecimal() or int(name) != k for k, name in enumerate(given.names)):
        yield Observation(
            "The data have fewer classes than the model, and number them by the order of their names",
            f"{named:,} classes, and {given.classes:,} of the model",
            "label k is the k-th class of the data: if one is missing, all later labels are wrong; in a folder of pictures, add an "
            "empty folder of its name",
            "WARN",
        )
    label = given.y.cpu().numpy()
    right = given.clean == label
    majority = np.bincount(label).max() / len(label)
    others = [(given.clean == output[label.clip(max=len(output) - 1)], words) for words, output in _orders(given)]
    other, words = max(others, key=lambda each: int(each[0].sum()), default=(right, ""))
    gained, lost = int((other & ~right).sum()), int((right & ~other).sum())
    if gained - lost > DEVIATIONS * math.sqrt(gained + lost) and other.mean() > majority:
        yield Observation(
            "The labels are probably not in the order of the network's outputs",
            f"clean accuracy is {Proportion.of(right)}, and would be {Proportion.of(other)} with the classes {words}",
        )


def _orders(given: Preflight) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Other orders of the classes: in words, and the output `(K,)` that each label would mean then.

    Without names of all, the classes may be called 0, 1, 2 … or 1, 2, 3 …, and the labels be in either order of these.
    """
    names, classes = given.names, given.classes
    if len(names) >= classes:
        for words, order in (
            ("sorted as texts", sorted(names)),
            ("sorted by their numbers", sorted(names, key=_natural)),
        ):
            if list(names) != order:
                yield words, np.array([order.index(name) for name in names])
        return
    for first in (0, 1):
        counted = [str(first + k) for k in range(classes)]
        as_texts = np.array([sorted(counted).index(name) for name in counted])
        if classes > FEWEST - first:
            yield f"{first}, {first + 1}, {first + 2} … sorted as texts", as_texts
            yield f"{first}, {first + 1}, {first + 2} … sorted by their numbers", np.argsort(as_texts)


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which numbers within names count as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
