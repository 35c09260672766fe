"""D07."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome
from epsball.record.statistics import more_often

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from epsball.diagnostics.outcome import Control

BLACK_BOX = 0.002
_CERTAIN = 0.01
_SIDES = 2


@check(
    "D07",
    "WARN",
    Outcome,
    remedy="gradients may be masked: run more of the search without gradients, attack a differentiable stand-in, or average over "
    "the model's random draws",
)
def black_box(run: Outcome) -> Iterator[Observation]:
    """Attacks without gradients should break at most 0.2 % of what those with gradients miss; if better alone too, it is a FAIL.

    Alone: they were asked about every sample of the others and succeed significantly more often (exact McNemar test, p < 0.01); in a
    thorough evaluation about samples drawn from all correctly classified ones, with as many passes as the strongest attack had.
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
    yield from _controls(run)


def _controls(run: Outcome) -> Iterator[Observation]:
    """What a thorough evaluation adds."""
    compared = list(run.selected("D07", correct=True))
    for control in run.selected("D07"):
        alone, p = "", 1.0
        if len(compared) == _SIDES:
            won, lost = _differing(run, compared)
            alone, p = (
                f"; alone, on {len(compared[0].ids)} drawn from all: {won} that the white box misses, {lost} lost",
                more_often(won, lost),
            )
        broken = bool(control.success.any()) or p < _CERTAIN
        yield Observation(
            "Attacks that see no gradients break samples that withstood the suite"
            if broken
            else "Attacks that see no gradients were tried on samples that withstood the suite",
            f"{control}{alone}",
            severity="FAIL" if p < _CERTAIN else "WARN" if broken else "INFO",
        )


def _differing(run: Outcome, compared: Sequence[Control]) -> tuple[int, int]:
    """How many samples only the attack without gradients breaks, and how many only the one with them."""
    blind, white = sorted(compared, key=lambda each: run.traits[each.name].gradient)
    return int((blind.success & ~white.success).sum()), int((white.success & ~blind.success).sum())
