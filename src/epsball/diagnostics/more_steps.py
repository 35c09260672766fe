"""D11."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.diagnostics.outcome import Control

MOVED = 0.005
"""By how much robust accuracy may fall with more steps or restarts."""


@check(
    "D11",
    "WARN",
    Outcome,
    remedy="evaluate again with twice the steps of the strongest attack, until the figure stays: `suite=[eb.PGD(steps=…), …]`",
)
def more_steps(run: Outcome) -> Iterator[Observation]:
    """Twice the steps must not move the robust accuracy by more than 0.5 points, as the samples of a thorough evaluation tell."""
    for control in run.selected("D11"):
        yield moved(control, "steps")


def moved(control: Control, more: str) -> Observation:
    """What more of the same attack brought on a few samples, and what that would be on all of them."""
    falls = control.moved > MOVED
    return Observation(
        f"More {more} of the strongest attack lower the robust accuracy"
        if falls
        else f"More {more} of the strongest attack were tried on robust samples",
        f"{control}; the robust accuracy would fall by {100 * control.moved:.1f} points",
        severity="WARN" if falls else "INFO",
    )
