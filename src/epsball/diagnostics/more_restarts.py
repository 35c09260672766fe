"""D12."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.more_steps import moved
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D12",
    "WARN",
    Outcome,
    remedy="evaluate again with more restarts of the strongest attack, until the figure stays: `suite=[eb.Restarts(attack, 2), …]`",
)
def more_restarts(run: Outcome) -> Iterator[Observation]:
    """Twice the restarts must not move the robust accuracy by more than 0.5 points, as the samples of a thorough evaluation tell."""
    for control in run.selected("D12"):
        yield moved(control, "restarts")
