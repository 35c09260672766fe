"""D32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D32",
    "FAIL",
    Outcome,
    remedy="give the model a gradient that is finite at these samples, or leave them out and say so",
)
def no_gradient_left(run: Outcome) -> Iterator[Observation]:
    """No sample must count as robust for which more than 1 % of an attack's gradient entries were NaN or infinite."""
    if not len(run.blind):
        return
    safe = run.ids[run.robust & np.isin(run.ids, run.blind)]
    if len(safe):
        yield Observation(
            "Samples count as robust at which much of the model's gradient is NaN or infinite, and was not followed",
            f"{len(safe)} samples, sample {safe.min()} among them",
        )
