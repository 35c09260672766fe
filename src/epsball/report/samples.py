"""Which adversarial examples to show, and their pictures read from the run folder one row at a time."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record.files import damaged
from epsball.record.manifest import INPUTS, attack_stages, chunk_files, examples_name, read_manifest
from epsball.report.pictures import triptych
from epsball.report.text import class_names, number, percent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.record import Evaluation
    from epsball.record.plan import ThreatPlan

SHOWN = 12
CHANNELS = (1, 3)


def gallery(run: Evaluation, folder: Path) -> list[dict[str, Any]]:
    """Up to twelve adversarial examples, the nearest first; none where the inputs are no pictures."""
    if not (folder / INPUTS).is_file():
        return []
    threat, shown = run.plan.threat, list[dict[str, Any]]()
    with _open(folder / INPUTS) as inputs:
        place = {int(identity): row for row, identity in enumerate(inputs.get_tensor("ids"))}
        source = inputs.get_slice("x")
        if len(source.get_shape()) != 4 or source.get_shape()[1] not in CHANNELS:  # noqa: PLR2004 (N, C, H, W)
            return []
        for attack, wanted in choose(run).items():
            for identity, adversarial in _rows(folder, attack, wanted, source.get_shape()[1:]):
                clean = source[place[identity] : place[identity] + 1][0]
                pictures = triptych(clean, adversarial, *_range(threat))
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


def _rows(folder: Path, attack: str, wanted: list[int], shape: list[int]) -> Iterator[tuple[int, NDArray[Any]]]:
    manifest = read_manifest(folder)
    for file in map(examples_name, chunk_files(manifest, attack_stages(manifest.plan)[attack])):
        with _open(folder / file) as chunk:
            ids, given = chunk.get_tensor("ids").tolist(), chunk.get_slice("x").get_shape()
            if given != [len(ids), *shape]:
                raise damaged(folder / file, "epsball", (folder / file).stat().st_size)
            for identity in wanted:
                if identity in ids:
                    row = ids.index(identity)
                    yield identity, chunk.get_slice("x")[row : row + 1][0]


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 (only where pictures are drawn)

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise damaged(path, "safetensors", path.stat().st_size if path.is_file() else 0) from error


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
