"""Numbers and names as text for readers."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import TYPE_CHECKING

from epsball.record.statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.record.plan import DataPlan, Plan, ThreatPlan

LIMITS = {
    "linf": "by at most {eps} in each pixel value",
    "l2": "by at most {eps} in Euclidean length",
    "l1": "by at most {eps} in the sum of all pixel values",
    "l0": "in at most {eps} pixel values",
}
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NO_BREAK = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
SHORT, MINUTE = 10, 60
WHOLE = 1e-5  # what float32 leaves of a whole number of 255ths


def percent(fraction: float) -> str:
    """``0.1234`` as ``12.3 %``; "–" where nothing was measured."""
    return DASH if math.isnan(fraction) else f"{100 * fraction:.1f}{NO_BREAK}%"


def interval(fraction: float, n: int) -> str:
    """The 95 % interval of a fraction of n samples, in hundredths: ``48.8 – 57.5``."""
    low, high = wilson(round(fraction * n), n)
    return f"{100 * low:.1f}{NO_BREAK}{DASH}{NO_BREAK}{100 * high:.1f}"


def with_interval(fraction: float, n: int) -> str:
    """A fraction of n samples with its 95 % interval: ``53.2 % (48.8 – 57.5)``; "–" where nothing was measured."""
    return DASH if math.isnan(fraction) else f"{percent(fraction)} ({interval(fraction, n)})"


def points(difference: float) -> str:
    """A difference of two fractions in hundredths: ``-0.0123`` as ``-1.2 points``."""
    return f"{100 * difference:.1f}{NO_BREAK}points"


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
    """ε as people write it: ``8/255`` where it is so many 255ths of the pixel range [0, 1] and no short decimal, else ``0.1``."""
    eps = float(threat.eps)
    steps = 255 * eps
    eighths = threat.norm != "l0" and (threat.low, threat.high) == (0, 1) and 0 < eps < 1
    if eighths and round(steps) > 0 and abs(steps - round(steps)) < WHOLE and float(f"{eps:.3g}") != eps:
        return f"{round(steps)}/255"
    return number(eps)


def limit(threat: ThreatPlan) -> str:
    """What the attacker may do: ``by at most 8/255 in each pixel value``."""
    return LIMITS[threat.norm].format(eps=epsilon(threat))


def seconds(value: float) -> str:
    """A duration: ``0.4 s``, ``12 s``, ``3 min 05 s``."""
    if value < SHORT:
        return f"{value:.1f}{NO_BREAK}s"
    minutes, rest = divmod(round(value), MINUTE)
    return f"{minutes}{NO_BREAK}min {rest:02d}{NO_BREAK}s" if minutes else f"{rest}{NO_BREAK}s"


def class_names(data: DataPlan, number_of_classes: int) -> Sequence[str]:
    """Names of the classes from 0 on: those of the record, CIFAR-10's for its pictures, otherwise the index; then that of rejection."""
    if number_of_classes == data.classes + 1:
        return [*class_names(data, data.classes), "rejected"]
    if max(number_of_classes, data.classes) <= len(data.names):  # fewer names are of the labels, not of the outputs
        return data.names
    if data.source.startswith("cifar10") and number_of_classes <= len(CIFAR10):
        return CIFAR10
    return [str(index) for index in range(number_of_classes)]


def title_of(plan: Plan) -> str:
    """The model as it was named, without the folders its weights lie in."""
    name, at, weights = (plan.model.source or plan.model.class_name or "model").partition("@")
    return f"{name}{at}{PurePath(weights).name}"
