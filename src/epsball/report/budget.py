"""At which ε a run is summed up."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from epsball.record import Evaluation


def budget(run: Evaluation) -> float:
    """The run's ε; of a run without one the largest number there is, so that what was never found counts as robust."""
    return min(run.eps, sys.float_info.max)
