"""The run class by class: how robust each is, and which class each was changed to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record import metrics
from epsball.record.classes import per_class, worst
from epsball.report.budget import budget
from epsball.report.target import left
from epsball.report.text import DASH, NO_BREAK, class_names, count, number, percent

if TYPE_CHECKING:
    from epsball.record import Evaluation

SHOWN_CLASSES = 12


def class_lines(run: Evaluation) -> list[dict[str, Any]]:
    """One line per class that has images: each cell as its text and the value it is sorted by."""
    classes, right = per_class(run, budget(run)), run.clean == run.label
    towards: dict[int, Counter[int]] = {}
    for (before, after), times in _pairs(run).items():
        towards.setdefault(before, Counter())[after] += times
    lines = []
    for each in classes:
        distances = run.upper[(run.label == each.label) & right & np.isfinite(run.upper)]
        median = float(np.median(distances)) if distances.size else np.nan
        clean, robust, (low, high) = float(each.clean), float(each.robust), each.robust.interval()
        clean_low, clean_high = each.clean.interval()
        most = towards.get(each.label, Counter()).most_common(1)
        wrong = f"{_name(run, most[0][0])} ({count(most[0][1])})" if most else DASH
        lines.append(
            {
                "name": _name(run, each.label),
                "label": each.label,
                "cells": [
                    _cell(count(each.n), each.n),
                    _cell(percent(clean), clean),
                    _cell(f"{100 * clean_low:.1f} {DASH} {percent(clean_high)}", clean_low),
                    _cell(percent(robust), robust),
                    _cell(f"{100 * low:.1f} {DASH} {percent(high)}", low),
                    _cell(number(median), median),
                    _cell(wrong, most[0][1] if most else 0),
                ],
            }
        )
    return lines


def worst_class(run: Evaluation) -> str:
    """Which class is the worst at ε, as a sentence with its interval; empty where there is nothing to pick from."""
    if np.isinf(run.eps) or not run.attacks:
        return ""
    classes = per_class(run)
    if len(classes) < 2:  # noqa: PLR2004 (of one class none is the worst)
        return ""
    lowest = worst(classes)
    first, others = lowest[0], len(lowest) - 1
    low, high = first.interval
    tied = f", and {count(others)} other{'s' * (others > 1)} as low" if others else ""
    images = f"its {count(first.n)} image{'s' * (first.n > 1)}"
    return (
        f"Worst of {count(first.classes)} classes: {_name(run, first.label)}{tied}, {percent(float(first.robust))} of {images} "
        f"{left(run.plan)} ({100 * low:.1f}{NO_BREAK}{DASH}{NO_BREAK}{percent(high)} at {100 * first.level:.5g}{NO_BREAK}%: "
        f"the worst of {count(first.classes)} was picked, so its interval has to hold for all)."
    )


def _name(run: Evaluation, label: int) -> str:
    return class_names(run.plan.data, label + 1)[label]


def _cell(text: str, value: float) -> dict[str, Any]:
    return {"text": text, "value": "" if np.isnan(value) else f"{value:.6g}"}


def _pairs(run: Evaluation) -> Counter[tuple[int, int]]:
    """How often the nearest error known of a sample, within ε, changed which class into which."""
    pairs: Counter[tuple[int, int]] = Counter()
    for name, rows in run.attacks.items():
        nearest = np.isin(rows.id, run.ids[run.by == name])
        pairs.update(metrics.confusion(rows.those(nearest), run.eps))
    return pairs


def confusion(run: Evaluation) -> dict[str, Any]:
    """From which class to which, over the nearest error known for each sample; the busiest classes only."""
    pairs = _pairs(run)
    traffic: Counter[int] = Counter()
    for (before, after), times in pairs.items():
        traffic.update({before: times, after: times})
    classes = sorted(label for label, _ in traffic.most_common(SHOWN_CLASSES))
    largest = max(pairs.values(), default=1)
    names = class_names(run.plan.data, max(classes, default=0) + 1)
    caption = f"{count(sum(pairs.values()))} errors, row: class of the original, column: class it was changed to."
    if len(traffic) > len(classes):
        caption += f" The {len(classes)} busiest of {len(traffic)} classes are shown."
    lines = [
        {
            "name": names[before],
            "cells": [_shade(pairs[before, after], largest, same=before == after) for after in classes],
        }
        for before in classes
    ]
    return {
        "caption": caption if lines else "No attack found an error.",
        "names": [names[label] for label in classes],
        "rows": lines,
    }


def _shade(times: int, largest: int, *, same: bool) -> dict[str, Any]:
    text = count(times) if times else "·"
    return {"percentage": round(100 * times / largest), "tone": "same" if same else "", "text": text}
