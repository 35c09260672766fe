"""How good a network under training is on samples that it is not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from epsball.attacks.fgsm import FGSM
from epsball.attacks.pgd import PGD
from epsball.errors import InputError, ModelError
from epsball.goal import Goal
from epsball.models.forward import batches, logits_of
from epsball.models.scale import check_scale
from epsball.validation import checked_logits

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.models.model import Model
    from epsball.threat import Threat

_ROWS_TRIED = 64
_ROWS = 512
"""Rows at once, and as many as are attacked."""
_ATTACK = PGD(steps=10)


class Measured(NamedTuple):
    """Accuracy on n samples, and under PGD and FGSM on some of them where there is a threat; None for what was not measured."""

    accuracy: float | None = None
    robust: float | None = None
    fgsm: float | None = None
    n: int = 0
    attacked: int = 0


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

    def measure(self, model: Model) -> Measured:
        """Accuracy, and robust accuracies where there is a threat, in evaluation mode."""
        clean = accuracy(model, self.x, self.y)
        if self.threat is None:
            return Measured(clean, n=len(self.y))
        chosen = torch.randperm(len(self.y), generator=torch.Generator().manual_seed(self.seed))[:_ROWS]
        x, y = self.x[chosen.to(self.x.device)], self.y[chosen.to(self.y.device)]
        robust, fgsm = (
            robust_accuracy(model, x, y, self.threat, attack, seed=self.seed) for attack in (_ATTACK, FGSM())
        )
        return Measured(clean, robust, fgsm, n=len(self.y), attacked=len(y))


def checked_budget(threat: Threat | None) -> Threat | None:
    """The threat of the robust accuracy, refused where it cannot be attacked within ε.

    Raises:
        InputError: its ε is infinite, or 0.
    """
    if threat is not None:
        eps = torch.as_tensor(threat.eps)
        if not (torch.isfinite(eps).all() and eps.max() > 0):
            raise InputError(
                f"robust accuracy during the training was wanted at ε = {threat.eps}; expected a finite budget above 0, such as "
                "eb.Threat('linf', 0.1): give one, or no threat at all"
            )
    return threat


def accuracy(model: Model, x: Tensor, y: Tensor) -> float:
    """Fraction of the rows whose largest logit is that of their label, in evaluation mode.

    Args:
        model: the classifier.
        x: images (N, C, H, W).
        y: labels (N,).
    """
    return float((predicted(model, x) == y.cpu()).sum()) / len(y)


def predicted(model: Model, x: Tensor) -> Tensor:
    """The labels (N,) of images (N, C, H, W) in evaluation mode, on the processor."""
    device = device_of(model)
    with model.frozen(), torch.no_grad():
        passed = batches(lambda rows: model(rows.to(device)), x, _ROWS)
        return torch.cat([_label(logits) for _, logits in passed])


def _label(logits: Tensor) -> Tensor:
    """The largest of each row (n, K); NaN counts as the largest, and would look like a guess."""
    if strange := int((torch.isnan(logits)).any(1).sum()):
        raise ModelError(
            f"the network answers {strange} of {len(logits)} images with NaN in evaluation mode; expected numbers: "
            "lower the rate, or look for a division, a logarithm or running statistics that go wrong outside of training"
        )
    return logits.argmax(1).cpu()


def classes_of(model: Model, x: Tensor) -> int:
    """How many classes the model tells apart, from its answer to the first image."""
    with model.frozen(), torch.no_grad():
        _, logits = next(batches(model, x[:1].to(device_of(model)), 1))
        return int(logits.shape[1])


def checked_answers(model: Model, x: Tensor) -> int:
    """How many classes the model tells apart, once its answers to the first images have turned out to be logits.

    Raises:
        InputError: it returns probabilities where logits are expected, as a network does that ends in a softmax.
    """
    x = x[:_ROWS_TRIED].to(device_of(model))
    check_scale(model, x)
    logits = logits_of(model, x, len(x))
    checked_logits(logits, Goal(torch.zeros(len(x), dtype=torch.int64)))
    return int(logits.shape[1])


def robust_accuracy(
    model: Model, x: Tensor, y: Tensor, threat: Threat, attack: Attack = _ATTACK, *, seed: int = 0
) -> float:
    """Fraction of the rows that are correct and that an attack does not change: an upper bound like any attack's.

    Args:
        model: the classifier.
        x: images (N, C, H, W).
        y: labels (N,).
        threat: where the attack may move.
        attack: ten steps of PGD by default, which is cheap.
        seed: of its draws.
    """
    device = device_of(model)
    found = attack(model, x.to(device), y.to(device), threat, seed=seed)
    return 1 - float(found.success.double().mean())


def device_of(model: Model) -> torch.device:
    """Where the model's weights are; the processor for a model without any."""
    weight = None if model.module is None else next(model.module.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device
