"""Which adversarial examples to show, and their pictures read from the run folder one row at a time."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.display.difference import CHANNELS
from epsball.record.images import StoredImages
from epsball.record.manifest import INPUTS
from epsball.report.pictures import triptych
from epsball.report.text import class_names, count, number, percent

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation
    from epsball.record.plan import ThreatPlan

NEAREST, OTHERS = 8, 2
SHOWN = NEAREST + 2 * OTHERS


def gallery(run: Evaluation, folder: Path) -> list[dict[str, Any]]:
    """Up to twelve adversarial examples, the nearest first; none where the inputs are no pictures."""
    shape = run.plan.data.shape
    if not (folder / INPUTS).is_file() or len(shape) != 3 or shape[0] not in CHANNELS:  # noqa: PLR2004 (C, H, W)
        return []
    images, limits, shown = StoredImages(folder), _range(run.plan.threat), list[dict[str, Any]]()
    by = dict(zip(run.ids.tolist(), run.by.tolist(), strict=True))
    for identity, place in choose(run).items():
        attack = str(by[identity])
        pictures = triptych(images.original(identity), images.adversarial(identity, attack), *limits)
        shown.append(
            {"pictures": pictures, "factor": count(pictures.factor), "place": place, **_caption(run, attack, identity)}
        )
    return sorted(shown, key=itemgetter("upper", "id"))


def _range(threat: ThreatPlan) -> tuple[float, float]:
    """The least and the greatest value of a pixel."""
    return float(np.min(threat.low)), float(np.max(threat.high))


def choose(run: Evaluation) -> dict[int, str]:
    """Ids to show, and which they are: the nearest, each class in turn; of the others some at the median distance, and the farthest."""
    found = np.flatnonzero(np.isfinite(run.upper) & (run.upper > 0))
    ordered = found[np.lexsort((run.ids[found], run.upper[found]))]
    turn: Counter[int] = Counter()
    ranks = []
    for row in ordered.tolist():
        label = int(run.label[row])
        ranks.append(turn[label])
        turn[label] += 1
    nearest = ordered[np.argsort(ranks, kind="stable")][:NEAREST]
    rest = ordered[~np.isin(ordered, nearest)]
    between, farthest = rest[:-OTHERS], rest[-OTHERS:]
    apart = np.abs(run.upper[between] - np.median(run.upper[found])) if len(between) else between
    median = between[np.argsort(apart, kind="stable")][:OTHERS]
    places = {"nearest": nearest, "median": median, "farthest": farthest}
    return {int(run.ids[row]): place for place, rows in places.items() for row in rows.tolist()}


def _caption(run: Evaluation, attack: str, identity: int) -> dict[str, Any]:
    rows = run.attacks[attack]
    row = int(np.flatnonzero(rows.id == identity)[0])
    before, after = int(rows.before[row]), int(rows.after[row])
    names = class_names(run.plan.data, max(before, after) + 1)
    return {
        "id": identity,
        "attack": attack,
        "distance": number(float(rows.distance[row])),
        "upper": float(rows.distance[row]),
        "before": names[before],
        "after": names[after],
        "confidence_before": percent(float(rows.confidence_before[row])),
        "confidence_after": percent(float(rows.confidence_after[row])),
    }
