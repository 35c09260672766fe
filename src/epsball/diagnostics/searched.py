"""D50."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 0.1
"""Of honest networks search lowers at most one standing row in twenty-five; where gradients are masked, one in ten and more."""


@check(
    "D50",
    "WARN",
    Outcome,
    remedy="read the figure as an upper bound that more search would lower, and attack a smooth stand-in of the model: `eb.bpda`",
)
def searched(run: Outcome) -> Iterator[Observation]:
    """Of the samples that stand, random search may lower at most one in ten where gradients have ended: those led nowhere."""
    for name, ids in run.searched.items():
        rows = run.attacks[name]
        standing = int((~rows.success).sum())
        if len(ids) > max(1, MANY * standing):
            yield Observation(
                f"Random search brought many samples nearer to an error where the gradients that {name} follows had ended",
                f"{len(ids)} of the {standing} samples that stand; search went on there",
            )
