"""D06."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE_STEP = 0.005


@check(
    "D06",
    "FAIL",
    Outcome,
    remedy="check the step size, try more steps and another loss; masked gradients look like this",
)
def one_step(run: Outcome) -> Iterator[Observation]:
    """One step must not break more than 0.5 % of the samples that many steps miss.

    Samples count only where both kinds were run, so that a run in which every attack gets only the samples that are robust so
    far shows this less often than one with `every_sample=True`.
    """
    one, many = run.group(lambda attack: attack.one_step), run.group(lambda attack: attack.many_steps)
    missed = int((one.success & many.queried & ~many.success).sum())
    if missed > ONE_STEP * len(run.ids):
        yield Observation(
            "One step breaks samples that many steps do not",
            f"{one} broke {missed} of {len(run.ids)} samples that {many} was run on and missed",
        )
