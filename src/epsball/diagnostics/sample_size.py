"""D19."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome
from epsball.record.statistics import samples_for, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDE = 0.02


@check("D19", "WARN", Outcome, remedy="evaluate more samples")
def sample_size(run: Outcome) -> Iterator[Observation]:
    """Half the 95 % interval of the accuracy that is left must not exceed 2 points."""
    n = len(run.robust)
    low, high = wilson(int(run.robust.sum()), n)
    half = (high - low) / 2
    if half > WIDE:
        needed = samples_for(WIDE, int(run.robust.sum()) / n)
        yield Observation(
            f"{n} samples leave the accuracy uncertain by {100 * half:.1f} points either way",
            f"95 % interval {low:.1%} to {high:.1%}",
            f"evaluate about {needed:,} samples for 2 points",
        )
