"""D30."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.ladder import RISES
from epsball.diagnostics.one_step_only import MOST, SAMPLES
from epsball.diagnostics.outcome import Outcome
from epsball.record.statistics import more_often

if TYPE_CHECKING:
    from collections.abc import Iterator

POINTS = 0.05
PART = 0.2
"""Of an honest model one step breaks at least a third of what many steps do."""


@check(
    "D30",
    "WARN",
    Outcome,
    remedy="quote no figure of one step; train against many, or against the predicted label instead of the true one",
)
def label_leaking(run: Outcome) -> Iterator[Observation]:
    """One step along the gradient of the true label must not help the model: a network trained on such steps reads the label in them.

    Accuracy after it must not exceed that on the inputs (exact McNemar test, p < 0.01; on a few samples, those that are wrong too); nor
    may it break less than a fifth of what it and many steps break together, where these are 5 points more. Two thirds and more are D47.
    """
    if run.one_step is not None:
        before, after = run.one_step.before, run.one_step.after
        gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
        if more_often(gained, lost) < RISES:
            yield Observation(
                "One step of an attack makes the model better, as if it read the true label in the step",
                f"of {len(before)} samples {int(before.sum())} are right as they are and {int(after.sum())} after one step of length ε",
            )
            return
    one, many = run.group(lambda attack: attack.one_step), run.group(lambda attack: attack.many_steps)
    asked, fooled = int(one.queried.sum()), int((one.success & one.queried).sum())
    broken = int(((one.success | many.success) & one.queried).sum())
    if asked >= SAMPLES and fooled + POINTS * asked < broken <= MOST * asked and fooled < PART * broken:
        yield Observation(
            "One step breaks next to nothing of what many steps break, as if the model knew such steps",
            f"of {asked} samples {one} broke {fooled}, and together with {many} it broke {broken}",
        )
