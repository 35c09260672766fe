"""The samples' columns, derived once more from the rows of attacks and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.verification import independent
from epsball.verification.differences import differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from epsball.record import AttackRows
    from epsball.record.selection import Selection


class ExpectedColumns:
    """What the columns of the samples must be, from the rows so far; code of its own, apart from that which wrote them."""

    def __init__(self, ids: NDArray[np.int64], label: NDArray[np.int64], clean: NDArray[np.int64]) -> None:
        """No attack and no certificate yet."""
        right = label == clean
        self.ids: NDArray[np.int64] = ids
        self.label: NDArray[np.int64] = label
        self.clean: NDArray[np.int64] = clean
        self.right: NDArray[np.bool_] = right
        self.place: dict[int, int] = {int(i): row for row, i in enumerate(ids)}
        self.upper: list[float] = [np.inf if ok else 0.0 for ok in right]
        self.before: list[float] = list(self.upper)
        self.confidence: list[float] = [1.0] * len(ids)
        self.by: list[str] = ["" if ok else "clean" for ok in right]
        self.lower: list[float] = [0.0] * len(ids)
        self.queries: list[int] = [0] * len(ids)
        self.gradients: list[int] = [0] * len(ids)

    def attacked(self, eps: float, *, everyone: bool) -> NDArray[np.int64]:
        """Places of the samples that the next attack must have been run on."""
        return np.flatnonzero(self.right & (everyone | (np.array(self.upper) > eps)))

    def selected(self, chosen: Selection, seed: int, eps: float) -> NDArray[np.int64]:
        """Places of the samples that the next attack must have been run on, where it is run on a few that are chosen."""
        upper, confidence = np.array(self.before), np.array(self.confidence)
        halves = chosen.halves(self.ids, self.right, upper, confidence, seed=seed, eps=eps)
        return np.unique(np.concatenate(halves))

    def add_attack(self, name: str, rows: AttackRows, *, selected: bool = False) -> Iterator[str]:
        """Add the rows of one attack, and name the samples whose error lies nearer than their certificate allows."""
        if not selected:
            for i, confidence in zip(rows.id.tolist(), rows.confidence_before.tolist(), strict=True):
                self.confidence[self.place[i]] = confidence
        for i, success, distance, queries, gradients in zip(
            rows.id.tolist(),
            rows.success.tolist(),
            rows.distance.tolist(),
            rows.queries.tolist(),
            rows.gradients.tolist(),
            strict=True,
        ):
            row = self.place[i]
            self.queries[row] += queries
            self.gradients[row] += gradients
            if success and distance < self.upper[row]:
                self.upper[row], self.by[row] = distance, name
                self.before[row] = self.before[row] if selected else distance
            if success and distance < self.lower[row] * (1 - independent.SAME):
                yield f"sample {i}: {name} found an error at {distance:g}, a certificate excludes errors up to {self.lower[row]:g}"

    def add_certificate(self, ids: NDArray[np.int64], lower: NDArray[np.float64]) -> None:
        """Add the radii of one certificate."""
        for i, radius in zip(ids.tolist(), lower.tolist(), strict=True):
            self.lower[self.place[i]] = max(self.lower[self.place[i]], radius)

    def compare(self, place: str, recorded: Mapping[str, NDArray[Any]]) -> Iterator[str]:
        """A sentence for every value of the recorded columns that the rows do not give."""
        expected = {
            "id": self.ids,
            "label": self.label,
            "clean": self.clean,
            "lower": np.minimum(np.where(self.right, self.lower, 0.0), self.upper),
            "upper": np.array(self.upper),
            "by": np.array(self.by),
            "queries": np.array(self.queries),
            "gradients": np.array(self.gradients),
        }
        for column, values in expected.items():
            if len(recorded[column]) != len(values):
                yield f"{place} has {len(recorded[column])} rows, expected {len(values)}"
                return
            yield from differences(place, column, self.ids, recorded[column], values)
