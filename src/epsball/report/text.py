"""Numbers and names as text for readers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.record.plan import DataPlan, ThreatPlan

NORMS = {"linf": "l∞", "l2": "l2", "l1": "l1", "l0": "l0"}
MEANINGS = {
    "linf": "each pixel value may change by at most {eps}",
    "l2": "the Euclidean length of the change may be at most {eps}",
    "l1": "the changes of all pixel values may add up to at most {eps}",
    "l0": "at most {eps} pixel values may change",
}
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NO_BREAK = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
SHORT, MINUTE = 10, 60


def percent(fraction: float) -> str:
    """``0.1234`` as ``12.3 %``; "–" where nothing was measured."""
    return DASH if math.isnan(fraction) else f"{100 * fraction:.1f}{NO_BREAK}%"


def count(value: int) -> str:
    """A whole number, thousands set apart."""
    return f"{value:,}".replace(",", NO_BREAK)


def number(value: float) -> str:
    """Three significant figures; "∞" and "–" where there is no finite number."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞"
    return count(round(value)) if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 (from here on, no fraction)


def epsilon(threat: ThreatPlan) -> str:
    """ε with its 8-bit reading beside it where pixels live in [0, 1]: ``0.0314 (8/255)``."""
    eps = float(threat.eps)
    eighths = threat.norm != "l0" and (threat.low, threat.high) == (0, 1) and 0 < eps < math.inf
    return f"{number(eps)} ({number(255 * eps)}/255)" if eighths else number(eps)


def seconds(value: float) -> str:
    """A duration: ``0.4 s``, ``12 s``, ``3 min 05 s``."""
    if value < SHORT:
        return f"{value:.1f}{NO_BREAK}s"
    minutes, rest = divmod(round(value), MINUTE)
    return f"{minutes}{NO_BREAK}min {rest:02d}{NO_BREAK}s" if minutes else f"{rest}{NO_BREAK}s"


def class_names(data: DataPlan, number_of_classes: int) -> Sequence[str]:
    """Names of the classes from 0 on: CIFAR-10's, otherwise the index."""
    if data.source.startswith("cifar10") and number_of_classes <= len(CIFAR10):
        return CIFAR10
    return [str(index) for index in range(number_of_classes)]
