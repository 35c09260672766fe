"""D07."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

BLACK_BOX = 0.002


@check(
    "D07",
    "FAIL",
    Outcome,
    remedy="the gradients are masked: attack a differentiable stand-in, or average over the model's random draws",
)
def black_box(run: Outcome) -> Iterator[Observation]:
    """An attack without gradients must not break more than 0.2 % of the samples that all attacks with gradients miss."""
    blind, white = run.group(lambda attack: attack.black_box), run.group(lambda attack: attack.gradient)
    many = run.group(lambda attack: attack.many_steps)
    missed = int((blind.success & many.queried & ~white.success).sum())
    if missed > BLACK_BOX * len(run.ids):
        yield Observation(
            "An attack that sees no gradients beats those that do",
            f"{blind} broke {missed} of {len(run.ids)} samples that {white} missed",
        )
