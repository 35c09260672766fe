"""D29."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D29",
    "WARN",
    Outcome,
    remedy="search in the model's own precision, and check that the model is deterministic",
)
def unconfirmed(run: Outcome) -> Iterator[Observation]:
    """Every reported success must be an error in a fresh pass through the model."""
    for name, reasons in run.dropped.items():
        if ids := reasons.get("label"):
            yield Observation(
                f"{name} reported errors that a fresh pass through the model does not show; they do not count",
                f"{len(ids)} successes, sample {min(ids)} among them",
            )
