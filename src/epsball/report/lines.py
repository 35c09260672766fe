"""The table of attacks and the panels of distances, as text and pictures for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record import metrics
from epsball.report.budget import budget
from epsball.report.figures import distance_histogram, edges_of, horizon, tally
from epsball.report.svg import inline
from epsball.report.text import DASH, count, number, seconds, with_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epsball.record import Evaluation

FEW = 5
"""Fewer distances, or bars, than these are told in words."""


def attack_lines(run: Evaluation, spent: Mapping[str, float]) -> list[dict[str, Any]]:
    """One line per attack in the order of asking; `spent` holds the seconds of each where they are known."""
    lines = []
    for line in metrics.attack_summaries(run, budget(run)):
        ran = line.attacked > 0
        lines.append(
            {
                "name": line.attack,
                "own": with_interval(line.own_accuracy, len(run)) if ran else DASH,
                "cumulative": with_interval(line.remaining_accuracy, len(run)),
                "bar": f"{100 * line.remaining_accuracy:.1f}",
                "fooled": f"{count(line.successes)} of {count(line.attacked)}" if ran else "nothing left to do",
                "successes": line.successes,
                "nearest": count(int(np.sum((run.by == line.attack) & (run.upper <= budget(run))))),
                "median": number(metrics.median_found(run, line.attack, budget(run))),
                "rho": number(metrics.rho(run, line.attack)),
                "queries": number(line.queries) if ran else DASH,
                "seconds": seconds(spent[line.attack]) if line.attack in spent and ran else DASH,
            }
        )
    return lines


def distance_panels(run: Evaluation) -> list[dict[str, Any]]:
    """One histogram per attack that looked for the nearest error and found several, all on the same scale."""
    edges = edges_of(horizon(run), run.eps)
    panels = []
    for index, (name, distances) in enumerate(_distances(run).items()):
        if run.plan.attacks[name].minimum_norm and _worth_drawing(distances, edges):
            note = f"{count(len(distances))} found, half of them within {number(float(np.median(distances)))}"
            plot, titles = distance_histogram(distances, edges, run.eps, (4.9, 2.1))
            picture = inline(plot, f"distance{index}", f"Distances, {name}: {note}", titles)
            panels.append({"name": name, "note": note, "picture": picture})
    return panels


def distances_in_words(run: Evaluation) -> list[str]:
    """A sentence for each attack that found something and has no histogram: its distances say little, or there are few."""
    edges = edges_of(horizon(run), run.eps)
    sentences = []
    for name, distances in _distances(run).items():
        drawn = run.plan.attacks[name].minimum_norm and _worth_drawing(distances, edges)
        if drawn or not distances.size:
            continue
        nearest, farthest = number(float(distances.min())), number(float(distances.max()))
        span = nearest if nearest == farthest else f"{nearest} to {farthest}"
        searched = "" if run.plan.attacks[name].minimum_norm else ", as it searches at ε only"
        errors = f"{count(len(distances))} error{'s' * (len(distances) != 1)}"
        sentences.append(f"{name}: {errors} at a distance of {span}{searched}.")
    return sentences


def _distances(run: Evaluation) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    return {name: rows.distance[rows.success & (rows.distance > 0)] for name, rows in run.attacks.items()}


def _worth_drawing(
    distances: np.ndarray[tuple[int], np.dtype[np.float64]], edges: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> bool:
    return len(distances) >= FEW and int(np.count_nonzero(tally(distances, edges))) >= FEW if distances.size else False
