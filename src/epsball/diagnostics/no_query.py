"""D17."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

IDLE = 0.5


@check(
    "D17",
    "FAIL",
    Outcome,
    remedy="the attack returns its input unchanged: check its sign, its targets and when it stops",
)
def no_query(run: Outcome) -> Iterator[Observation]:
    """An attack must have queried the model about at least half of the samples that it failed on, unless ε = 0.

    One that fails without a query has a sign, a target or a stopping rule wrong; another course on a random share is left out.
    """
    if run.eps == 0:
        return
    for name, rows in run.attacks.items():
        failed = ~rows.success
        idle = int((failed & (rows.queries == 0)).sum())
        if idle > IDLE * failed.sum() and not run.traits[name].sampled:
            yield Observation(
                f"{name} gave up without querying the model",
                f"{idle} of the {int(failed.sum())} samples it failed on cost no query",
            )
