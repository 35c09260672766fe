"""What every objective is: a batch in, its loss out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch

from epsball.errors import InputError
from epsball.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from epsball.models.model import Model
    from epsball.threat import Threat


class Objective(Protocol):
    """A batch -> its loss, a scalar whose gradient reaches the model's parameters."""

    def __call__(self, model: Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
        """Return the loss.

        Args:
            model: the classifier on data units, in training mode: call `model.as_it_is(x)`, never `model(x)`, which freezes it.
            x: images (N, C, H, W).
            y: labels (N,).
            seed: of this epoch's draws.
            ids: (N,) which rows of the training set these are.
        """
        ...


@runtime_checkable
class Robust(Protocol):
    """An objective that trains against a threat; `fit` then measures the robust accuracy after every epoch."""

    @property
    def threat(self) -> Threat:
        """Norm, budget and box that the model is trained for."""
        ...


@runtime_checkable
class Graded(Robust, Protocol):
    """A robust objective whose budget can be lowered; `fit` raises it from 0 as far as the recipe's warm-up says."""

    def within(self, fraction: float) -> Objective:
        """Return the same objective for a fraction of the budget, in [0, 1]."""
        ...


def warmed(objective: Objective, fraction: float) -> Objective:
    """The objective for a fraction of its budget; itself where it has none or the fraction is all of it."""
    return objective.within(fraction) if fraction < 1 and isinstance(objective, Graded) else objective


@dataclass(frozen=True)
class Named:
    """An objective that is found by its name.

    Args:
        description: what it trains on, for lists.
        make: (threat, steps) -> the objective; an objective without a threat is given None and pays no heed to the steps.
        needs_threat: whether it trains against a threat.
        needs_steps: whether the steps change it.
    """

    description: str
    make: Callable[[Threat | None, int], Objective]
    needs_threat: bool
    needs_steps: bool = True


def needed(threat: Threat | None, name: str) -> Threat:
    """The threat, refused where there is none to train against.

    Raises:
        InputError: no threat was given, or one with ε = 0.
    """
    if threat is None:
        raise InputError(
            f"the objective {name} was given no threat; expected one to train against, eb.Threat('linf', 0.1)"
        )
    if not float(torch.as_tensor(threat.eps).max()):
        raise InputError(
            f"the objective {name} was given ε = 0, at which nothing moves; give a budget above 0, or train with the standard objective"
        )
    return threat


OBJECTIVES: Registry[Named] = Registry("objective")
"""The named objectives; another package adds its own by the entry point group `epsball.objectives`."""
