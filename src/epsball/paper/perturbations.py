"""The perturbations that the paper compares and trains on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from epsball.attacks import FGSM
from epsball.evaluation.threshold import smallest_budget
from epsball.geometry import linf
from epsball.paper.answers import labels
from epsball.threat import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.goal import Goal
    from epsball.models.model import Model
    from epsball.paper.spaces import View

FOOLED, _MAX_EPS = 0.9, 4.0


def _likelihood(logits: Tensor, goal: Goal) -> Tensor:
    """J = -log p_y with the gradient that float32 gives it, which vanishes towards the label where p_y rounds to 1."""
    return F.cross_entropy(logits, goal.labels, reduction="none")


TEXTBOOK = FGSM(loss=_likelihood)
"""FGSM as the comparison's authors had it; the library's own loss keeps its gradient and needs a smaller ε."""


def fgsm_budget(view: View, y: Tensor) -> float:
    """The smallest ε, up to 4 or half the box, at which FGSM leaves at most 10 % of a view's images correct.

    Raises:
        InputError: no ε leaves as few.
    """
    return smallest_budget(
        TEXTBOOK,
        view.model,
        view.x,
        y,
        linf,
        accuracy=1 - FOOLED,
        most=min(_MAX_EPS, (view.high - view.low) / 2),
        halvings=12,
        low=view.low,
        high=view.high,
    )[0]


def fgsm_examples(view: View, y: Tensor, eps: float) -> Tensor:
    """X + ε sign ∇J for every image of a view, whether or not it fools, clipped where the view has a box."""
    return TEXTBOOK.maximise(view.model, view.x, y, Threat(linf, eps, view.low, view.high))


def wrong(model: Model, x: Tensor, y: Tensor) -> Tensor:
    """Whether each sample is misclassified without an attack, `(N,)`."""
    return labels(model, x) != y
