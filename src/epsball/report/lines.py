"""The table of attacks, the panels of distances and the heat map, as text and pictures for the page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record import AttackRows, metrics
from epsball.report.budget import budget
from epsball.report.figures import distance_histogram, horizon
from epsball.report.svg import inline
from epsball.report.text import DASH, class_names, count, number, percent, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epsball.record import Evaluation

SHOWN_CLASSES = 12
STRONG = 65


def attack_lines(run: Evaluation, spent: Mapping[str, float]) -> list[dict[str, Any]]:
    """One line per attack in the order of asking; `spent` holds the seconds of each where they are known."""
    lines = []
    for line in metrics.attack_summaries(run, budget(run)):
        rho = metrics.rho(run, line.attack)
        lines.append(
            {
                "name": line.attack,
                "own": percent(line.own_accuracy),
                "cumulative": percent(line.remaining_accuracy),
                "bar": f"{100 * line.remaining_accuracy:.1f}",
                "fooled": f"{count(line.successes)} of {count(line.attacked)}",
                "median": number(metrics.median_distance(run, line.attack)),
                "rho": number(rho),
                "queries": number(line.queries),
                "seconds": seconds(spent[line.attack]) if line.attack in spent else DASH,
            }
        )
    return lines


def distance_panels(run: Evaluation) -> list[dict[str, Any]]:
    """One histogram per attack that found anything, all on the same scale."""
    successes = {name: rows.distance[rows.success & (rows.distance > 0)] for name, rows in run.attacks.items()}
    end = horizon(run)
    panels = []
    for index, (name, distances) in enumerate(successes.items()):
        if distances.size:
            note = f"{count(len(distances))} found, half of them within {number(float(np.median(distances)))}"
            plot = distance_histogram(distances, end, run.eps, (4.9, 2.1))
            panels.append(
                {"name": name, "note": note, "picture": inline(plot, f"distance{index}", f"Distances, {name}: {note}")}
            )
    return panels


def confusion(run: Evaluation) -> dict[str, Any]:
    """From which class to which, over the nearest error known for each sample; the busiest classes only."""
    pairs: Counter[tuple[int, int]] = Counter()
    for name, rows in run.attacks.items():
        nearest = np.isin(rows.id, run.ids[run.by == name])
        nearest_rows = AttackRows.of({column: values[nearest] for column, values in rows.columns().items()})
        pairs.update(metrics.confusion(nearest_rows, run.eps))
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
            "cells": [_cell(pairs[before, after], largest, same=before == after) for after in classes],
        }
        for before in classes
    ]
    return {
        "caption": caption if lines else "No attack found an error.",
        "names": [names[label] for label in classes],
        "rows": lines,
    }


def _cell(times: int, largest: int, *, same: bool) -> dict[str, Any]:
    percentage = round(100 * times / largest)
    tone = "same" if same else "strong" if percentage > STRONG else ""
    return {"percentage": percentage, "tone": tone, "text": count(times) if times else "·"}
