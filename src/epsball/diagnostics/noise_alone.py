"""D33."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D33",
    "FAIL",
    Outcome,
    remedy="run an attack that follows gradients or searches by scores or labels; the model has to be differentiable for the former",
)
def noise_alone(run: Outcome) -> Iterator[Observation]:
    """Something stronger than noise must have been run: what only noise has failed on is not known to be robust."""
    if run.attacks and all(run.traits[name].noise_only for name in run.attacks):
        yield Observation(
            "Only random noise was tried, which finds few of the errors that there are",
            f"attacks run: {', '.join(run.attacks)}",
        )
