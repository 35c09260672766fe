"""D22."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from epsball.record.evaluation import Finding


@check(
    "D22",
    "WARN",
    Outcome,
    remedy="quote the robust accuracy with this spread, or attack the model's average over many draws",
)
def success_rate(run: Outcome) -> Iterator[Observation]:
    """Every success must hold in all of the repeated passes."""
    yield from _observed(run.success_rates, run.passes)


def stochastic(rates: NDArray[np.float64], passes: int) -> list[Finding]:
    """The finding about successes that held at these rates (k,) over repeated passes, if there is one."""
    return success_rate.findings(_observed(rates, passes))


def _observed(rates: NDArray[np.float64], passes: int) -> Iterator[Observation]:
    if len(rates) and rates.min() < 1:
        yield Observation(
            "Some successes hold only for some of the model's random draws",
            f"{int((rates < 1).sum())} of {len(rates)} successes held in fewer than all of {passes} passes: "
            f"lowest {rates.min():.0%}, median {np.median(rates):.0%}",
        )
