"""D47."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW, MOST = 1 / 3, 2 / 3
SAMPLES = 20
"""Of fewer no fraction is known well enough."""


@check(
    "D47",
    "WARN",
    Outcome,
    remedy="if it was trained on FGSM, train it on PGD, or take the weights of an earlier epoch; quote no figure of FGSM alone",
)
def one_step_only(run: Outcome) -> Iterator[Observation]:
    """A model that resists one step must resist many: FGSM below a third and PGD above two thirds is catastrophic overfitting."""
    one, many = run.group(lambda attack: attack.one_step), run.group(lambda attack: attack.many_steps)
    asked, both = int(one.queried.sum()), int(many.queried.sum())
    if min(asked, both) < SAMPLES:
        return
    fooled, broken = int((one.success & one.queried).sum()), int((many.success & many.queried).sum())
    if fooled < FEW * asked and broken > MOST * both:
        yield Observation(
            "The model was made to resist one step only: catastrophic overfitting, as FGSM training without random starts shows it",
            f"{one} fooled {fooled} of {asked} samples, {many} {broken} of {both}",
        )
