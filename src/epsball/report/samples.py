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
from epsball.report.text import class_names, number, percent

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation
    from epsball.record.plan import ThreatPlan

SHOWN = 12


def gallery(run: Evaluation, folder: Path) -> list[dict[str, Any]]:
    """Up to twelve adversarial examples, the nearest first; none where the inputs are no pictures."""
    shape = run.plan.data.shape
    if not (folder / INPUTS).is_file() or len(shape) != 3 or shape[0] not in CHANNELS:  # noqa: PLR2004 (C, H, W)
        return []
    images, limits, shown = StoredImages(folder), _range(run.plan.threat), list[dict[str, Any]]()
    for attack, wanted in choose(run).items():
        for identity in wanted:
            pictures = triptych(images.original(identity), images.adversarial(identity, attack), *limits)
            shown.append({"pictures": pictures, **_caption(run, attack, identity)})
    return sorted(shown, key=itemgetter("upper", "id"))


def _range(threat: ThreatPlan) -> tuple[float, float]:
    """The least and the greatest value of a pixel."""
    return float(np.min(threat.low)), float(np.max(threat.high))


def choose(run: Evaluation) -> dict[str, list[int]]:
    """Ids to show per attack: the samples whose nearest error is nearest, each class in turn, by the attack that found it."""
    found = np.flatnonzero(np.isfinite(run.upper) & (run.upper > 0))
    ordered = found[np.lexsort((run.ids[found], run.upper[found]))]
    turn: Counter[int] = Counter()
    ranks = []
    for row in ordered.tolist():
        label = int(run.label[row])
        ranks.append(turn[label])
        turn[label] += 1
    chosen: dict[str, list[int]] = {}
    for row in ordered[np.argsort(ranks, kind="stable")][:SHOWN].tolist():
        chosen.setdefault(str(run.by[row]), []).append(int(run.ids[row]))
    return chosen


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
