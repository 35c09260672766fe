"""D13."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

REACH = 1 - 1e-9
"""A step of 1/10 taken ten times is ε but for rounding."""
LONGEST = 2
"""A step across the whole ball."""


@check(
    "D13",
    "WARN",
    Outcome,
    remedy="take steps that lead at least ε far together, none of them longer than 2 ε",
)
def step_reach(run: Outcome) -> Iterator[Observation]:
    """An attack's steps must lead at least ε far together, and none must be longer than the ball is wide; if none can, it is a FAIL.

    FAIL: every attack of the run that searches has steps too short to reach the boundary of its ball.
    """
    searches = [name for name in run.attacks if not (run.traits[name].noise_only or run.traits[name].one_step)]
    every = all(_short(run.traits[name].reach) for name in searches)
    for name in run.attacks:
        reach, longest_step = run.traits[name].reach, run.traits[name].longest_step
        if _short(reach):
            yield Observation(
                f"{name} cannot search its ball with these steps",
                f"its steps reach {reach:g} ε together",
                severity="FAIL" if every else None,
            )
        elif longest_step is not None and math.isfinite(longest_step) and longest_step > LONGEST:
            yield Observation(
                f"{name} cannot search its ball with these steps", f"its longest step is {longest_step:g} ε long"
            )


def _short(reach: float | None) -> bool:
    return reach is not None and reach < REACH
