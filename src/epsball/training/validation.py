"""How good a network under training is on samples that it is not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.pgd import PGD

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.threat import Threat

_ROWS = 512
"""Rows at once, and as many as are attacked."""
_ATTACK = PGD(steps=10)


@dataclass(frozen=True, eq=False)
class Validation:
    """Samples, and what is measured on them after every epoch.

    Args:
        x: images (N, C, H, W).
        y: labels (N,).
        threat: of the robust accuracy; None where only the clean one is wanted.
        seed: decides which 512 samples are attacked, the same ones after every epoch, and the attack's draws.
    """

    x: Tensor
    y: Tensor
    threat: Threat | None
    seed: int

    def measure(self, model: Model) -> tuple[float, float | None]:
        """Accuracy, and robust accuracy where there is a threat, both in evaluation mode."""
        robust = None
        if self.threat is not None:
            chosen = torch.randperm(len(self.y), generator=torch.Generator().manual_seed(self.seed))[:_ROWS]
            chosen = chosen.to(self.y.device)
            robust = robust_accuracy(model, self.x[chosen], self.y[chosen], self.threat, seed=self.seed)
        return accuracy(model, self.x, self.y), robust


def accuracy(model: Model, x: Tensor, y: Tensor) -> float:
    """Fraction of the rows whose largest logit is that of their label, in evaluation mode.

    Args:
        model: the classifier.
        x: images (N, C, H, W).
        y: labels (N,).
    """
    device = device_of(model)
    with model.frozen(), torch.no_grad():
        right = [
            (model(rows.to(device)).argmax(1).cpu() == labels.cpu()).sum()
            for rows, labels in ((x[i : i + _ROWS], y[i : i + _ROWS]) for i in range(0, len(y), _ROWS))
        ]
    return float(torch.stack(right).sum()) / len(y)


def robust_accuracy(model: Model, x: Tensor, y: Tensor, threat: Threat, *, seed: int = 0) -> float:
    """Fraction of the rows that are correct and that ten steps of PGD do not change: cheap, and an upper bound like any attack's.

    Args:
        model: the classifier.
        x: images (N, C, H, W).
        y: labels (N,).
        threat: where the attack may move.
        seed: of its draws.
    """
    device = device_of(model)
    found = _ATTACK(model, x.to(device), y.to(device), threat, seed=seed)
    return 1 - float(found.success.double().mean())


def device_of(model: Model) -> torch.device:
    """Where the model's weights are; the processor for a model without any."""
    weight = None if model.module is None else next(model.module.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device
