"""D28."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.training_history import TrainingHistory

if TYPE_CHECKING:
    from collections.abc import Iterator

COLLAPSED = 0.3
LOST = 0.1


@check(
    "D28",
    "WARN",
    TrainingHistory,
    remedy="use the best weights, lower the rate, stop earlier, or train against PGD",
)
def overfitting(history: TrainingHistory) -> Iterator[Observation]:
    """The last weights must not be 30 points better under FGSM than under PGD, nor 10 worse under PGD than earlier ones.

    Catastrophic overfitting (Wong, Rice, Kolter 2020, arXiv:2001.03994) and robust overfitting (Rice, Wong, Kolter 2020,
    arXiv:2002.11569), on held-out samples.
    """
    if not len(history.robust):
        return
    fgsm, robust, best = history.fgsm[-1], history.robust[-1], int(history.robust.argmax())
    if fgsm - robust > COLLAPSED:
        yield Observation(
            "The network was trained to resist one step only: catastrophic overfitting",
            f"accuracy after the last epoch {fgsm:.1%} under FGSM, {robust:.1%} under PGD",
        )
    elif history.robust[best] - robust > LOST:
        yield Observation(
            "The robust accuracy fell again during the training",
            f"{history.robust[best]:.1%} after epoch {best + 1}, {robust:.1%} after the last one",
        )
