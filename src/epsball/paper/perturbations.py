"""The perturbations that the paper compares and trains on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from epsball.attacks import FGSM
from epsball.geometry import linf
from epsball.threat import Threat
from epsball.thresholds import smallest_budget

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.goal import Goal
    from epsball.models.wrap import Model

UNCLIPPED = (-100.0, 100.0)
"""A box so wide that FGSM is never clipped, as in the paper's comparison."""

FOOLED = 0.9


def _likelihood(logits: Tensor, goal: Goal) -> Tensor:
    """J = -log p_y with the gradient that float32 gives it, which vanishes towards the label where p_y rounds to 1."""
    return F.cross_entropy(logits, goal.labels, reduction="none")


TEXTBOOK = FGSM(loss=_likelihood)
"""FGSM as the comparison's authors had it; the library's own loss keeps its gradient and needs a smaller ε."""


def fgsm_budget(model: Model, x: Tensor, y: Tensor, most: float = 4.0) -> float:
    """The smallest ε at which FGSM without clipping leaves at most 10 % of the samples correct.

    Args:
        model: the classifier.
        x: inputs `(N, …)`.
        y: labels `(N,)`.
        most: the largest ε tried.

    Raises:
        InputError: no ε up to that leaves as few.
    """
    low, high = UNCLIPPED
    return smallest_budget(
        TEXTBOOK, model, x, y, linf, accuracy=1 - FOOLED, most=most, halvings=12, low=low, high=high
    )[0]


def fgsm_examples(model: Model, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """X + ε sign ∇J for every sample, whether or not it fools, and without clipping."""
    return TEXTBOOK.maximise(model, x, y, Threat(linf, eps, *UNCLIPPED))


def wrong(model: Model, x: Tensor, y: Tensor) -> Tensor:
    """Whether each sample is misclassified without an attack, `(N,)`."""
    return FGSM()(model, x, y, Threat(linf, 0)).success
