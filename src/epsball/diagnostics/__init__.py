"""Checks of a model and of the attacks on it, one a file; each finding carries its evidence and its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.diagnostics import (  # noqa: F401 (each file registers its check)
    adaptive_attack,
    barely_trained,
    baseline,
    batch_coupling,
    black_box,
    class_order,
    eight_bits,
    forgotten_normalisation,
    groups,
    inner_optimisation,
    jumps,
    label_leaking,
    lost_error,
    more_restarts,
    more_steps,
    no_gradient_left,
    no_query,
    noise,
    noise_alone,
    nothing_found,
    one_step,
    one_step_only,
    outside_threat,
    overfitting,
    planted,
    probabilities,
    random_model,
    refitted_threshold,
    rising_accuracy,
    risk_left,
    sample_size,
    scores_only,
    searched,
    step_reach,
    success_rate,
    targets,
    transferred,
    unconfirmed,
    undefined_gradient,
    unexpected_accuracy,
    untrained,
    vanishing_gradient,
    wrong_gradient,
    wrong_unit,
)
from epsball.diagnostics.base import CHECKS, Check, Observation, check, findings
from epsball.diagnostics.ladder import Ladder, OneStep
from epsball.diagnostics.outcome import NOTED, Outcome, Traits
from epsball.diagnostics.probe import Preflight
from epsball.diagnostics.training_history import TrainingHistory

if TYPE_CHECKING:
    from epsball.record.evaluation import Finding

__all__ = [
    "CHECKS",
    "NOTED",
    "Check",
    "Ladder",
    "Observation",
    "OneStep",
    "Outcome",
    "Preflight",
    "TrainingHistory",
    "Traits",
    "after",
    "after_training",
    "check",
    "preflight",
]


def preflight(context: Preflight) -> list[Finding]:
    """The findings of all checks before the first attack; a handful of passes over one batch.

    Raises:
        ModelError: the model failed.
    """
    with torch.inference_mode(mode=False), context.model.frozen():
        return findings(context)


def after(context: Outcome) -> list[Finding]:
    """The findings of all checks after the last attack."""
    return findings(context)


def after_training(context: TrainingHistory) -> list[Finding]:
    """The findings of all checks of a finished training."""
    return findings(context)
