"""The saddle point of adversarial training (eq. 9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import torch.nn.functional as F

from epsball.attacks.fgsm import FGSM
from epsball.attacks.pgd import PGD
from epsball.errors import InputError
from epsball.losses import cross_entropy
from epsball.threat import replace_eps
from epsball.training.objectives.base import OBJECTIVES, Named, needed

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.threat import Threat
    from epsball.training.objectives.base import Objective


class Maximiser(Protocol):
    """What an attack can do for training."""

    def maximise(self, model: Model, x: Tensor, y: Tensor, threat: Threat, *, seed: int, ids: Tensor) -> Tensor:
        """Return the points (N, C, H, W), detached, where all steps ended, whether or not they fool the model."""
        ...


def adversarial(attack: Maximiser, threat: Threat, clean: float = 0.0) -> Objective:
    """min_θ E[max_{δ∈S} L(θ, x + δ, y)]: the maximum as an attack finds it, in evaluation mode; the update in training mode.

    Eq. (9), Madry et al. 2017, arXiv:1706.06083. By Danskin's theorem the gradient at the maximum is that of the saddle point.

    Args:
        attack: whose points are trained on.
        threat: S, in data units.
        clean: weight α of the loss on unchanged images, α·L(x) + (1 - α)·L(x + δ) (Goodfellow et al. 2014, arXiv:1412.6572).

    Raises:
        InputError: a weight outside [0, 1).
    """
    if not 0 <= clean < 1:
        raise InputError(
            f"the weight of the clean loss is {clean}; expected 0 <= clean < 1, and the standard objective for 1"
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

    def within(self, fraction: float) -> Objective:
        """The same attack in the ball of a fraction of ε; at least one feature in l0, or one level, since less is nothing."""
        eps = fraction * float(self.threat.eps)
        return replace(self, threat=replace_eps(self.threat, max(self.threat.smallest_budget, eps)))


_PATH = 2.5
"""The steps' lengths together, in units of ε: enough to cross the ball and come back (Madry et al. 2017)."""


def _fgsm(threat: Threat | None, _steps: int) -> Objective:
    return adversarial(FGSM(), needed(threat, "fgsm"))


def _pgd(threat: Threat | None, steps: int) -> Objective:
    """Steps of constant length, as in the paper."""
    length = min(1.0, _PATH / steps)
    return adversarial(PGD(steps=steps, first=length, rate=length, loss=cross_entropy), needed(threat, "pgd"))


OBJECTIVES.add(
    "fgsm", Named("adversarial training on one step along the gradient", _fgsm, needs_threat=True, needs_steps=False)
)
OBJECTIVES.add("pgd", Named("adversarial training on projected gradient descent", _pgd, needs_threat=True))
