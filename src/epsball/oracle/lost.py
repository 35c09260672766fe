"""Errors that an attack queried and did not return: they count all the same, since the oracle keeps the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.goal import Goal
    from epsball.oracle.queries import Queries


def lost(queries: Queries, x: Tensor, held: Tensor, goal: Goal) -> Tensor:
    """Return of which rows an error is known while the last point of the search is none, `(n,)`.

    Those points are queried, once for each such row, as far as its budget of queries allows.

    Args:
        queries: of the search.
        x: its last points `(n, …)`.
        held: the rows' samples `(n,)`.
        goal: of these rows.
    """
    best = queries.best
    elsewhere = (x != best.x[held]).flatten(1).any(1)
    found = elsewhere & best.distance[held].isfinite() & (best.distance[held] > 0)
    samples = held[found]
    alive = best.alive[samples]
    best.alive[samples] = True
    found = found & queries.live(held).rows
    still = queries.decisions(x, held, goal, found) if bool(found.any()) else found
    best.alive[samples] = alive
    return found & ~still
