"""From the rows of each attack to one row per sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from epsball.record.evaluation import AttackRows


def positions(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each wanted id stands in `ids`.

    Raises:
        KeyError: an id is not there.
    """
    order = np.argsort(ids, kind="stable")
    place = np.searchsorted(ids, wanted, sorter=order)
    found = order[np.minimum(place, max(len(ids) - 1, 0))] if len(ids) else np.empty(0, dtype=np.int64)
    missing = wanted[ids[found] != wanted] if len(ids) else wanted
    if len(missing):
        raise KeyError(int(missing[0]))
    return found.astype(np.int64)


def to_attack(so_far: Mapping[str, NDArray[Any]], eps: float, *, everyone: bool) -> NDArray[np.bool_]:
    """Which samples the next attack is run on: those robust at ε so far, or everyone; never those that are wrong already."""
    right: NDArray[np.bool_] = so_far["clean"] == so_far["label"]
    return right & (everyone | (so_far["upper"] > eps))


def tabulate(
    ids: NDArray[np.int64],
    label: NDArray[np.int64],
    clean: NDArray[np.int64],
    lower: NDArray[np.float64],
    attacks: Mapping[str, AttackRows],
) -> dict[str, NDArray[Any]]:
    """Per-sample columns: upper = the least distance at which an attack, in the given order, found an error."""
    right = clean == label
    upper = np.where(right, np.inf, 0.0)
    by = np.where(right, "", "clean").astype(object)
    queries, gradients = np.zeros(len(ids), dtype=np.int64), np.zeros(len(ids), dtype=np.int64)
    for name, rows in attacks.items():
        at = positions(ids, rows.id)
        closer = rows.success & (rows.distance < upper[at])
        upper[at[closer]] = rows.distance[closer]
        by[at[closer]] = name
        queries[at] += rows.queries
        gradients[at] += rows.gradients
    # A certificate and an attack may meet at the exact distance, each with a rounding error of its own.
    lower = np.minimum(np.where(right, lower, 0.0), upper)
    return {
        "id": ids,
        "label": label,
        "clean": clean,
        "lower": lower,
        "upper": upper,
        "by": by.astype(np.str_),
        "queries": queries,
        "gradients": gradients,
    }
