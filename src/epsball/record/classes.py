"""The run class by class, and the worst of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from epsball.record import metrics
from epsball.record.proportion import Proportion

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSED = 0.05
"""How often one of the intervals of all classes may miss its accuracy."""


@dataclass(frozen=True)
class ClassAccuracy:
    """The samples of one class.

    Args:
        label: its number.
        name: as the data name it; the number where they do not.
        clean: samples of it that are classified correctly without an attack.
        robust: samples of it on which no attack found an error within ε.
        classes: how many classes the run has samples of.
    """

    label: int
    name: str
    clean: Proportion
    robust: Proportion
    classes: int

    @property
    def n(self) -> int:
        """Samples of this class."""
        return self.robust.n

    @property
    def level(self) -> float:
        """The level at which the intervals of all K classes hold together with 95 %, 1 - 0.05 / K (Bonferroni)."""
        return 1 - MISSED / self.classes

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the robust accuracy at that level: it holds for the worst class too, which is picked among K."""
        return self.robust.interval(self.level)


def per_class(run: metrics.Bounds, eps: float | str | None = None) -> tuple[ClassAccuracy, ...]:
    """Clean and robust accuracy of every class that has samples, in the order of the labels.

    Raises:
        InputError: as `metrics.robust_accuracy`.
    """
    robust, right, names = metrics.robust(run, eps), run.clean == run.label, run.plan.data.names
    labels = np.unique(run.label).tolist()
    return tuple(
        ClassAccuracy(
            label,
            names[label] if label < len(names) else str(label),
            Proportion(int(right[of].sum()), int(of.sum())),
            Proportion(int(robust[of].sum()), int(of.sum())),
            len(labels),
        )
        for label in labels
        for of in (run.label == label,)
    )


def worst(classes: Sequence[ClassAccuracy]) -> tuple[ClassAccuracy, ...]:
    """The class with the least robust accuracy; several where they have the same."""
    least = min(float(each.robust) for each in classes)
    return tuple(each for each in classes if float(each.robust) == least)
