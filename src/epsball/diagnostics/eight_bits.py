"""D26."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

LOST = 0.05


@check(
    "D26",
    "WARN",
    Outcome,
    remedy="read the figure as one for images that are not stored in 8 bits: saved as pictures, these would not fool the model",
)
def eight_bits(run: Outcome) -> Iterator[Observation]:
    """Of the errors that an attack found, 95 % must still be errors once the images are rounded to 8 bits."""
    for name in (name for name in run.eight_bits if run.traits[name].selection is None):
        survived = run.eight_bits[name]
        lost = len(survived) - sum(survived)
        if lost > LOST * len(survived):
            yield Observation(
                f"Many errors that {name} found are none once the images are rounded to 8 bits",
                f"{len(survived) - lost} of {len(survived)} survive",
            )
