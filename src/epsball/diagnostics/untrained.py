"""D45."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.chance import guess
from epsball.diagnostics.training_history import FEW_STEPS, TrainingHistory

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D45",
    "FAIL",
    TrainingHistory,
    remedy="lower the rate or ε, let ε rise for longer (warm_up), start from weights for a smaller ε, or train for more epochs",
)
def untrained(history: TrainingHistory) -> Iterator[Observation]:
    """A trained network must do better than guessing on samples held out, or on those that it was trained on where none are."""
    if history.steps >= FEW_STEPS and (seen := guess(history.label, history.predicted, history.classes)):
        where = "held-out" if history.held_out else "its own training"
        yield Observation(f"The network has learnt nothing: it guesses on {where} samples", seen)
