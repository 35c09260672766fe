"""Two runs on the same samples: which samples those are, and on which of them the runs differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from epsball.errors import InputError
from epsball.record import metrics
from epsball.record.statistics import differ, paired_difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from epsball.record.examples import Recorded

CHECKED = 1000
"""Samples of two runs whose inputs are looked at before the runs are taken to share them."""
_SAME = 1e-6  # what float32 leaves of a number, and of a pixel in [0, 1]
_GOLDEN = 0.6180339887498949  # multiples of it, without their whole part, are spread evenly however many there are


@dataclass(frozen=True, eq=False)
class Pairs:
    """The samples that two runs share, as their rows `first` (k,) in one and `second` (k,) in the other.

    `why` says how they are known to be the same, or, where there is none, why nothing is paired.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    why: str

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, eq=False)
class Paired:
    """What differs between two runs on the `n` samples that they share.

    Args:
        n: samples that both have.
        first: how many of them stand in the first run.
        second: how many of them stand in the second.
        lost: ids of those that stand in the first alone, as it numbers them.
        won: ids of those that stand in the second alone.
    """

    n: int
    first: int
    second: int
    lost: NDArray[np.int64]
    won: NDArray[np.int64]

    @property
    def difference(self) -> float:
        """The second run's fraction less the first's, (won - lost) / n: negative where the second is worse."""
        return (len(self.won) - len(self.lost)) / self.n

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Tango's score interval of the difference over the choice of samples."""
        return paired_difference(len(self.won), len(self.lost), self.n, level)

    @property
    def p_value(self) -> float:
        """How likely so uneven a split of the samples that differ is if neither run is better: exact McNemar, two-sided."""
        return differ(len(self.won), len(self.lost))


def paired(first: Recorded, second: Recorded, eps: float | str | None = None) -> Paired:
    """Which of the samples that two runs share are robust at ε in one of them alone.

    Args:
        first: the run to compare with.
        second: the run that is compared.
        eps: in data units; the smaller of their own when left out.

    Raises:
        InputError: they share no sample, or one of them was not searched as far as ε.
    """
    pairs = match(first, second)
    if not len(pairs):
        raise InputError(f"two runs were given to be paired, and {pairs.why}; evaluate both on the same samples")
    at = min(first.eps, second.eps) if eps is None else eps
    return pair(pairs, first, metrics.robust(first, at), metrics.robust(second, at))


def pair(pairs: Pairs, first: Recorded, stands: NDArray[np.bool_], other: NDArray[np.bool_]) -> Paired:
    """Count what `stands` in all rows of the first run, and in those of the `other`, on the samples that they share."""
    ids, here, there = first.ids[pairs.first], stands[pairs.first], other[pairs.second]
    return Paired(len(pairs), int(here.sum()), int(there.sum()), ids[here & ~there], ids[there & ~here])


def match(first: Recorded, second: Recorded) -> Pairs:
    """Find the samples that two runs share: all, if their data have the same digest; else by id, label and input.

    An id is the number of a row unless the evaluation was given others, so ids and labels alone tell nothing: the data must have the
    same name and split too, or the inputs must be equal where both runs kept them.
    """
    if first.plan.data.fingerprint == second.plan.data.fingerprint and np.array_equal(first.label, second.label):
        rows = np.arange(len(first), dtype=np.int64)
        return Pairs(rows, rows, "inputs and labels have the same digest")
    shared, here, there = np.intersect1d(first.ids, second.ids, assume_unique=True, return_indices=True)
    reason = _other(first, second, shared, here, there)
    if reason:
        none = np.empty(0, np.int64)
        return Pairs(none, none, reason)
    return Pairs(here.astype(np.int64), there.astype(np.int64), "ids and labels are the same, and so is the data set")


def _other(
    first: Recorded, second: Recorded, shared: NDArray[np.int64], here: NDArray[np.int64], there: NDArray[np.int64]
) -> str:
    """Why samples of the same ids are not the same samples; empty where they are."""
    if not len(shared):
        return "no sample of one has the id of a sample of the other"
    unlike = np.flatnonzero(first.label[here] != second.label[there])
    if len(unlike):
        at = int(unlike[0])
        return f"sample {shared[at]} has the label {first.label[here[at]]} in one and {second.label[there[at]]} in the other"
    data, other = first.plan.data, second.plan.data
    named = bool(data.source) and (data.source, data.split) == (other.source, other.split)
    looked = 0
    for sample in shared[np.argsort(np.arange(len(shared)) * _GOLDEN % 1, kind="stable")].tolist():
        equal = _equal(_original(first, sample), _original(second, sample))
        if equal is False:
            return f"sample {sample} is another input in one than in the other"
        looked += bool(equal)
        if looked == CHECKED:
            break
    if not (named or looked):
        return "nothing shows that samples of the same id are the same: the data have different names, or none"
    return ""


def _equal(one: NDArray[np.float64] | None, other: NDArray[np.float64] | None) -> bool | None:
    """Whether two inputs are equal; None where that cannot be told."""
    if one is None or other is None or one.shape != other.shape:
        return None
    return np.allclose(one, other, rtol=_SAME, atol=_SAME)


def _original(run: Recorded, sample: int) -> NDArray[np.float64] | None:
    """The clean input of a sample as numbers; None where it was not kept."""
    if run.images is None:
        return None
    try:
        return np.asarray(run.images.original(sample), np.float64)
    except KeyError:  # a run in memory keeps those that were fooled
        return None
