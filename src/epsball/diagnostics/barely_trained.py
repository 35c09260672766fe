"""D48."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.chance import guess
from epsball.diagnostics.training_history import FEW_STEPS, TrainingHistory

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("D48", "WARN", TrainingHistory, remedy="train for more epochs, or on more samples")
def barely_trained(history: TrainingHistory) -> Iterator[Observation]:
    """After fewer than 50 steps a network that guesses has not failed to learn: it has hardly begun."""
    if history.steps < FEW_STEPS and (seen := guess(history.label, history.predicted, history.classes)):
        yield Observation(f"The network guesses after {history.steps} steps of training", seen)
