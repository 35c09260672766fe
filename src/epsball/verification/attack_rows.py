"""One part of one attack: do its rows say what its examples show?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.verification import independent
from epsball.verification.differences import differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from epsball.models.wrap import Model
    from epsball.record import AttackRows

CONFIDENCE = 1e-3
"""Softmax probabilities may differ by this much between machines and batch sizes."""


@dataclass(frozen=True, eq=False)
class Witness:
    """What is needed to judge a row: the model, the clean inputs (n, …) with labels and fresh answers, the threat's numbers."""

    model: Model
    x: NDArray[Any]
    label: NDArray[np.int64]
    clean: NDArray[np.int64]
    confidence: NDArray[np.float64]
    kind: torch.dtype
    device: torch.device
    norm: str
    low: Any
    high: Any
    rows: int
    passes: int
    exact: bool

    def ask(self, x: NDArray[Any]) -> independent.Answers:
        """What the model says of x (k, …)."""
        return independent.ask(
            self.model, torch.tensor(x, dtype=self.kind, device=self.device), rows=self.rows, passes=self.passes
        )


def judge(
    place: str,
    witness: Witness,
    at: NDArray[np.int64],
    rows: AttackRows,
    examples: tuple[NDArray[np.int64], NDArray[Any]],
    eps: float,
) -> tuple[list[str], NDArray[np.float64]]:
    """Problems of one part, and for each hit the share of fresh passes in which it holds.

    Args:
        place: name of the part.
        witness: the evidence.
        at: places of the part's samples among all (k,).
        rows: what was recorded.
        examples: ids and inputs of the hits.
        eps: how far the attack was allowed to go.
    """
    ids, x = examples
    if not np.array_equal(rows.id[rows.success], ids):
        odd = sorted(set(rows.id[rows.success].tolist()) ^ set(ids.tolist())) or ids.tolist()
        return [f"{place}, sample {odd[0]}: hits and stored examples do not match"], np.empty(0)
    if x.shape[1:] != witness.x.shape[1:] or x.dtype != witness.x.dtype or len(x) != len(ids):
        return [
            f"{place}: examples have shape {x.shape} and type {x.dtype}, the inputs {witness.x.shape} and {witness.x.dtype}"
        ], np.empty(0)
    answers = witness.ask(x)
    held = answers.wrong(witness.label[at[rows.success]])
    return [*_distances(place, witness, at, rows, x, eps), *_labels(place, witness, at, rows, answers, held)], held


def _distances(
    place: str, witness: Witness, at: NDArray[np.int64], rows: AttackRows, x: NDArray[Any], eps: float
) -> Iterator[str]:
    hit, x0 = rows.success, witness.x[at[rows.success]]
    distance, relative = np.full(len(rows), np.inf), np.full(len(rows), np.inf)
    distance[hit] = independent.length(witness.norm, x.astype(np.float64) - x0)
    relative[hit] = independent.relative(witness.norm, distance[hit], x0)
    ids = rows.id[hit]
    outside = ~independent.inside_ball(np.maximum(distance[hit], rows.distance[hit]), eps)
    yield from (f"{place}, sample {i}: distance exceeds ε = {eps:g}" for i in ids[outside])
    beyond = ~independent.inside_box(x, witness.low, witness.high)
    yield from (f"{place}, sample {i}: outside the box [{witness.low}, {witness.high}]" for i in ids[beyond])
    yield from differences(place, "distance", rows.id, rows.distance, distance, relative=independent.SAME)
    yield from differences(place, "relative", rows.id, rows.relative, relative, relative=independent.SAME)


def _labels(
    place: str,
    witness: Witness,
    at: NDArray[np.int64],
    rows: AttackRows,
    answers: independent.Answers,
    held: NDArray[np.float64],
) -> Iterator[str]:
    hit = rows.success
    for i, share in zip(rows.id[hit], held, strict=True):
        if share == 0:
            yield f"{place}, sample {i}: the model classifies the example correctly, it is no error"
    if not witness.exact:
        yield from differences(place, "before", rows.id, rows.before, witness.clean[at])
        yield from differences(place, "after", rows.id[~hit], rows.after[~hit], rows.before[~hit])
        return
    after, confidence = witness.clean[at].copy(), witness.confidence[at].copy()
    after[hit], confidence[hit] = answers.label[0], answers.confidence[0]
    yield from differences(place, "before", rows.id, rows.before, witness.clean[at])
    yield from differences(place, "after", rows.id, rows.after, after)
    for column, expected in (("confidence_before", witness.confidence[at]), ("confidence_after", confidence)):
        yield from differences(place, column, rows.id, getattr(rows, column), expected, absolute=CONFIDENCE)
