"""D07."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome
from epsball.record.statistics import more_often

if TYPE_CHECKING:
    from collections.abc import Iterator

BLACK_BOX = 0.002
_CERTAIN = 0.01


@check(
    "D07",
    "WARN",
    Outcome,
    remedy="gradients may be masked: run more of the search without gradients, attack a differentiable stand-in, or average over "
    "the model's random draws",
)
def black_box(run: Outcome) -> Iterator[Observation]:
    """Attacks without gradients should break at most 0.2 % of what those with gradients miss; if better alone too, it is a FAIL.

    Alone: they were asked about every sample of the others and succeed significantly more often (exact McNemar test, p < 0.01).
    """
    blind, white = run.group(lambda attack: attack.black_box), run.group(lambda attack: attack.gradient)
    many = run.group(lambda attack: attack.many_steps)
    missed = int((blind.success & many.queried & ~white.success).sum())
    if missed > BLACK_BOX * len(run.ids):
        alone = bool(blind.queried[white.queried].all())
        lost = int((white.success & ~blind.success).sum())
        yield Observation(
            "An attack that sees no gradients beats those that do",
            f"{blind} broke {missed} of {len(run.ids)} samples that {white} missed",
            severity="FAIL" if alone and more_often(missed, lost) < _CERTAIN else None,
        )
