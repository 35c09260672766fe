"""D23."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D23",
    "INFO",
    Outcome,
    remedy="nothing to do here; outside this library, return the point with the largest margin, not the last one",
)
def lost_error(run: Outcome) -> Iterator[Observation]:
    """An attack from outside the library should return the errors that it queried; those that it lost count all the same.

    Whatever an attack asks of the model is looked at on the way, and the nearest error is kept: no search can lose one here. A walk
    to the nearest error ends where it ends, and is not looked at.
    """
    for name, ids in run.lost.items():
        if ids:
            yield Observation(
                f"{name} came upon errors and returned other points; the errors count",
                f"{len(ids)} samples, sample {min(ids)} among them",
            )
