"""D14."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D14",
    "FAIL",
    Outcome,
    remedy="correct the attack: project onto the ball and the box in the type of the input",
)
def outside_threat(run: Outcome) -> Iterator[Observation]:
    """Every reported success must lie inside ball and box, as far away as the attack says."""
    for name, reasons in run.dropped.items():
        if ids := reasons.get("moved"):
            yield Observation(
                f"{name} returned points outside the ball or the box, or named a wrong distance; they do not count",
                f"{len(ids)} successes, sample {min(ids)} among them",
            )
