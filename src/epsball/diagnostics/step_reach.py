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
STRIDE = 2
"""A step across the whole ball."""


@check(
    "D13",
    "WARN",
    Outcome,
    remedy="take steps that lead at least ε far together, the last of them no longer than 2 ε",
)
def step_reach(run: Outcome) -> Iterator[Observation]:
    """An attack's steps must lead at least ε far together, and the shortest of them must not be longer than the ball is wide."""
    for name in run.attacks:
        reach, stride = run.traits[name].reach, run.traits[name].stride
        if reach is not None and reach < REACH:
            yield Observation(
                f"{name} cannot search its ball with these steps", f"its steps reach {reach:g} ε together"
            )
        elif stride is not None and math.isfinite(stride) and stride > STRIDE:
            yield Observation(
                f"{name} cannot search its ball with these steps", f"its shortest step is {stride:g} ε long"
            )
