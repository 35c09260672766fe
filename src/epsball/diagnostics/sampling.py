"""Are there enough samples for the digits that will be quoted?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from epsball.record.evaluation import Finding
from epsball.record.metrics import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDE = 0.02


def sample_size(standing: NDArray[np.bool_]) -> Finding | None:
    """D19: half the 95 % interval of the accuracy, mean(standing), must not exceed 2 points."""
    low, high = wilson(int(standing.sum()), len(standing))
    half = (high - low) / 2
    if half <= WIDE:
        return None
    needed = int(np.ceil(len(standing) * (half / WIDE) ** 2 / 100) * 100)
    return Finding(
        "D19",
        "WARN",
        f"{len(standing)} samples leave the accuracy uncertain by {100 * half:.1f} points either way",
        f"95 % interval {low:.1%} to {high:.1%}",
        f"evaluate about {needed:,} samples for 2 points",
    )
