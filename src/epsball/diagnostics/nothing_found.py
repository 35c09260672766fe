"""D08."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING_FOUND = 0.05


@check(
    "D08",
    "WARN",
    Outcome,
    remedy="allow more steps, or suspect masked gradients; the median distance is too large",
)
def nothing_found(run: Outcome) -> Iterator[Observation]:
    """A minimum-norm attack with gradients must find an error of 95 % of its samples.

    Without a limit on the distance every sample has one, a grey image at the latest.
    """
    for name, rows in run.attacks.items():
        attack, failed = run.traits[name], int((~rows.success).sum())
        if attack.gradient and attack.minimum_norm and failed > NOTHING_FOUND * len(rows):
            yield Observation(
                f"{name} finds no error at any distance for many samples, although one exists",
                f"{failed} of {len(rows)} samples",
            )
