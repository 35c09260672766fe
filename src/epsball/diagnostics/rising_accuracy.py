"""D09."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.ladder import RISES
from epsball.diagnostics.outcome import Outcome
from epsball.record.statistics import more_often

if TYPE_CHECKING:
    from collections.abc import Iterator

RISE = 0.01


@check(
    "D09",
    "FAIL",
    Outcome,
    remedy="the gradients are masked: attack a smooth stand-in of the layer that masks them, "
    "eb.bpda(model, layer), --estimate bpda:LAYER",
)
def rising_accuracy(run: Outcome) -> Iterator[Observation]:
    """With a larger budget the same search must not find fewer errors: accuracy may rise by no point from ε/2 to ε, 2 ε and all.

    A few samples are searched at each budget on their own, for at most 4 % of the passes that the attacks cost. The rise must be
    one that chance does not explain (exact McNemar test, p < 0.01).
    """
    ladder = run.ladder
    if ladder is None:
        return
    n = len(ladder.ids)
    for (less, few), (more, many) in pairwise(zip(ladder.budgets, ladder.broken, strict=True)):
        lost, gained = int((few & ~many).sum()), int((many & ~few).sum())
        if lost - gained > RISE * n and more_often(lost, gained) < RISES:
            yield Observation(
                "A larger budget finds fewer errors, so the search follows gradients that mislead it",
                f"of {n} samples, ten steps break {int(few.sum())} within {less:.4g} and {int(many.sum())} within {more:.4g}; "
                f"sample {ladder.ids[few & ~many][0]} is broken only within the smaller one",
            )
            return
