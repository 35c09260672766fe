"""D24."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome
from epsball.record.statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

FOUND = 0.95
FEWEST = 8
"""Planted examples below which a miss says nothing."""


@check(
    "D24",
    "FAIL",
    Outcome,
    remedy="the gradients lead nowhere on this model: average over its random draws (`eb.eot`), attack a differentiable stand-in "
    "(`eb.bpda`), or take a stronger attack than this",
)
def planted(run: Outcome) -> Iterator[Observation]:
    """The suite's strongest attack must find 95 % of the adversarial examples planted in the balls of a thorough evaluation's samples.

    A head on the model's features is made for each of them under which one point of the ball is an error and points inside are not
    (Zimmermann et al. 2022, arXiv:2206.13991).
    """
    for control in run.selected("D24"):
        made = len(run.planted.get(control.name, ()))
        missed = len(run.unfound.get(control.name, ()))
        judged = made >= FEWEST
        fails = judged and missed > (1 - FOUND) * made
        bound = f"; of all it would miss at most {wilson(missed, made)[1]:.1%} (95 % confidence)" if made else ""
        yield Observation(
            "The strongest attack misses adversarial examples that are known to be there"
            if fails
            else "Adversarial examples were planted for the strongest attack to find",
            f"{control.name}: {made - missed} of {made} found, in the balls of {len(control.ids)} samples{bound}"
            + ("" if judged else f"; fewer than {FEWEST} could be planted, which says nothing"),
            severity=None if fails else "INFO",
        )
