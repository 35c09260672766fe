"""One chunk of one attack: do its rows say what its examples show?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.errors import brief
from epsball.verification import independent
from epsball.verification.differences import differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from epsball.models.model import Model
    from epsball.record import AttackRows
    from epsball.record.arrays import StoredArray

CONFIDENCE = 1e-3
"""Softmax probabilities may differ by this much between machines and batch sizes."""


@dataclass(frozen=True, eq=False)
class Context:
    """What rows are checked against: the model, the clean inputs (n, …) with labels and fresh answers, the threat's numbers.

    `dtype` and `device` are those of the inputs in the run, `exact` says that the model does not draw random numbers.
    """

    model: Model
    x: StoredArray
    label: NDArray[np.int64]
    clean: NDArray[np.int64]
    confidence: NDArray[np.float64]
    dtype: torch.dtype
    device: torch.device
    norm: str
    low: Any
    high: Any
    levels: int | None
    batch_size: int
    passes: int
    exact: bool

    def replay(self, x: NDArray[Any]) -> independent.Replayed:
        """What the model says of x (k, …)."""
        inputs = torch.tensor(x, dtype=self.dtype, device=self.device)
        return independent.replay(self.model, inputs, batch_size=self.batch_size, passes=self.passes)


def check_rows(
    place: str,
    context: Context,
    at: NDArray[np.int64],
    rows: AttackRows,
    examples: tuple[NDArray[np.int64], NDArray[Any]],
    eps: float,
) -> tuple[list[str], NDArray[np.float64]]:
    """Problems of one chunk, and for each success the fraction of fresh passes that show it again.

    Args:
        place: name of the chunk's file.
        context: what the rows are checked against.
        at: places of the chunk's samples among all (k,).
        rows: what was recorded.
        examples: ids and inputs of the adversarial examples.
        eps: how far the attack was allowed to go.
    """
    ids, x = examples
    if not np.array_equal(rows.id[rows.success], ids):
        odd = sorted(set(rows.id[rows.success].tolist()) ^ set(ids.tolist())) or ids.tolist()
        return [f"{place}, sample {odd[0]}: successes and stored examples do not match"], np.empty(0)
    if x.shape[1:] != context.x.shape[1:] or x.dtype != context.x.dtype or len(x) != len(ids):
        return [
            f"{place}: examples have shape {x.shape} and type {x.dtype}, the inputs {context.x.shape} and {context.x.dtype}"
        ], np.empty(0)
    replayed = context.replay(x)
    rate = replayed.success_rate(context.label[at[rows.success]])
    return [*_distances(place, context, at, rows, x, eps), *_labels(place, context, at, rows, replayed, rate)], rate


def _distances(
    place: str, context: Context, at: NDArray[np.int64], rows: AttackRows, x: NDArray[Any], eps: float
) -> Iterator[str]:
    success, x0 = rows.success, context.x[at[rows.success]]
    distance, relative = np.full(len(rows), np.inf), np.full(len(rows), np.inf)
    distance[success] = independent.length(context.norm, x.astype(np.float64) - x0)
    relative[success] = independent.relative(context.norm, distance[success], x0)
    ids = rows.id[success]
    outside = ~independent.inside_ball(np.maximum(distance[success], rows.distance[success]), eps)
    yield from (f"{place}, sample {i}: distance exceeds ε = {eps:g}" for i in ids[outside])
    beyond = ~independent.inside_box(x, context.low, context.high)
    yield from (
        f"{place}, sample {i}: outside the box [{brief(context.low)}, {brief(context.high)}]" for i in ids[beyond]
    )
    between = ~independent.on_levels(x, context.low, context.high, context.levels)
    yield from (f"{place}, sample {i}: between the {context.levels} levels" for i in ids[between])
    yield from differences(place, "distance", rows.id, rows.distance, distance, relative=independent.SAME)
    yield from differences(place, "relative", rows.id, rows.relative, relative, relative=independent.SAME)


def _labels(
    place: str,
    context: Context,
    at: NDArray[np.int64],
    rows: AttackRows,
    replayed: independent.Replayed,
    success_rate: NDArray[np.float64],
) -> Iterator[str]:
    success = rows.success
    for i, rate in zip(rows.id[success], success_rate, strict=True):
        if rate == 0:
            yield f"{place}, sample {i}: the model classifies the example correctly, it is no error"
    if not context.exact:
        yield from differences(place, "before", rows.id, rows.before, context.clean[at])
        yield from differences(place, "after", rows.id[~success], rows.after[~success], rows.before[~success])
        return
    after, confidence = context.clean[at].copy(), context.confidence[at].copy()
    after[success], confidence[success] = replayed.label[0], replayed.confidence[0]
    yield from differences(place, "before", rows.id, rows.before, context.clean[at])
    yield from differences(place, "after", rows.id, rows.after, after)
    for column, expected in (("confidence_before", context.confidence[at]), ("confidence_after", confidence)):
        yield from differences(place, column, rows.id, getattr(rows, column), expected, absolute=CONFIDENCE)
