"""The samples that changed sides, to look at: what fooled the run in which each of them falls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.comparison.paired import Paired
from epsball.display.difference import CHANNELS, picture
from epsball.record.examples import example
from epsball.report.pictures import embedded, triptych
from epsball.report.text import class_names, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from epsball.comparison.comparison import Comparison, Difference
    from epsball.record import Evaluation

SHOWN = 6
"""Pictures in each direction."""


def changed(
    comparison: Comparison, difference: Difference
) -> Iterator[tuple[str, NDArray[np.int64], list[dict[str, Any]]]]:
    """Both directions: in words, the ids of all samples as the baseline numbers them, and pictures of the nearest errors."""
    robust, first = difference.robust, comparison.baseline
    if not isinstance(robust, Paired):
        return
    other = dict(zip(first.run.ids[difference.pairs.first].tolist(), difference.pairs.second.tolist(), strict=True))
    own = dict(zip(first.run.ids.tolist(), range(len(first.run)), strict=True))
    for stands, falls, ids, rows in (
        (first, difference.side, robust.lost, other),
        (difference.side, first, robust.won, own),
    ):
        at = np.array([rows[sample] for sample in ids.tolist()], np.int64)
        nearest = np.argsort(falls.run.upper[at], kind="stable")
        pictures = [_shown(falls.run, int(at[one]), int(ids[one])) for one in nearest[:SHOWN]]
        yield f"stand in {stands.name}, fall in {falls.name}", ids, [each for each in pictures if each]


def _shown(run: Evaluation, row: int, sample: int) -> dict[str, Any]:
    """The pictures of a sample and what is written under them; empty where they were not kept, or are no pictures."""
    shape = run.plan.data.shape
    if run.images is None or len(shape) != 3 or shape[0] not in CHANNELS:  # noqa: PLR2004 (C, H, W)
        return {}
    label, clean, identity = int(run.label[row]), int(run.clean[row]), int(run.ids[row])
    if run.by[row] == "clean":
        try:
            original = run.images.original(identity)
        except KeyError:  # a run in memory keeps those that an attack fooled
            return {}
        names = class_names(run.plan.data, max(label, clean) + 1)
        return {"id": sample, "before": names[label], "after": names[clean], "alone": embedded(_pixels(original, run))}
    found = example(run, identity)
    names = class_names(run.plan.data, max(label, found.prediction) + 1)
    return {
        "id": sample,
        "before": names[label],
        "after": names[found.prediction],
        "attack": found.attack,
        "distance": number(found.distance),
        "pictures": triptych(found.original, found.adversarial, *_limits(run)),
    }


def _limits(run: Evaluation) -> tuple[float, float]:
    threat = run.plan.threat
    return float(np.min(threat.low)), float(np.max(threat.high))


def _pixels(image: NDArray[Any], run: Evaluation) -> NDArray[np.float64]:
    """The image with its values in [0, 1]."""
    low, high = _limits(run)
    return picture((np.asarray(image, np.float64) - low) / (high - low))
