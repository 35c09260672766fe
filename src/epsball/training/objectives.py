"""What a batch costs: standard, and the saddle point of adversarial training (eq. 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch.nn.functional as F

from epsball.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.wrap import Model
    from epsball.threat import Threat


class Objective(Protocol):
    """A batch -> its loss, a scalar whose gradient reaches the model's parameters."""

    def __call__(self, model: Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
        """Return the loss.

        Args:
            model: the classifier on data units, in training mode: `model.as_it_is(x)` is asked in it, `model(x)` never.
            x: images (N, C, H, W).
            y: labels (N,).
            seed: of this epoch's draws.
            ids: (N,) which rows of the training set these are.
        """
        ...


class Maximiser(Protocol):
    """What an attack can do for training."""

    def maximise(self, model: Model, x: Tensor, y: Tensor, threat: Threat, *, seed: int, ids: Tensor) -> Tensor:
        """Return the points (N, C, H, W), detached, where all steps ended, whether or not they fool the model."""
        ...


def standard(model: Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
    """Mean over the batch of L(θ, x, y), L the cross entropy."""
    del seed, ids  # nothing is drawn
    return F.cross_entropy(model.as_it_is(x), y)


def adversarial(attack: Maximiser, threat: Threat, clean: float = 0.0) -> Objective:
    """min_θ E[max_{δ∈S} L(θ, x + δ, y)]: the maximum as an attack finds it, in evaluation mode; the update in training mode.

    Eq. (9), Madry et al. 2017, arXiv:1706.06083. By Danskin's theorem the gradient at the maximum is that of the saddle point.

    Args:
        attack: whose points are trained on.
        threat: S, in data units.
        clean: share α of the loss on unchanged images, α·L(x) + (1 - α)·L(x + δ) (Goodfellow et al. 2014, arXiv:1412.6572).

    Raises:
        InputError: a share outside [0, 1).
    """
    if not 0 <= clean < 1:
        raise InputError(
            f"the share of clean loss is {clean}; expected 0 <= clean < 1, and the standard objective for 1"
        )
    return _Adversarial(attack, threat, clean)


@dataclass(frozen=True)
class _Adversarial:
    attack: Maximiser
    threat: Threat
    clean: float

    def __call__(self, model: Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
        with model.frozen():
            points = self.attack.maximise(model, x, y, self.threat, seed=seed, ids=ids)
        worst = F.cross_entropy(model.as_it_is(points), y)
        if self.clean == 0:
            return worst
        return self.clean * F.cross_entropy(model.as_it_is(x), y) + (1 - self.clean) * worst
