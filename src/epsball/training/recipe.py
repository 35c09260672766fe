"""How long, how fast and with which optimiser: settings of a training run, and those that suit the networks of the zoo."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from torch import Generator, Tensor, nn, optim

from epsball.errors import InputError
from epsball.training.augment import Shift

Optimiser = Callable[[Iterable[nn.Parameter], float], optim.Optimizer]
Schedule = Callable[[float], float]
Augment = Callable[[Tensor, Generator], Tensor]

_WARM = 0.3


def adam(parameters: Iterable[nn.Parameter], rate: float) -> optim.Optimizer:
    """Adam with PyTorch's defaults.  Kingma and Ba 2014, arXiv:1412.6980."""
    return optim.Adam(parameters, lr=rate)


def sgd(parameters: Iterable[nn.Parameter], rate: float) -> optim.Optimizer:
    """Stochastic gradient descent with Nesterov momentum 0.9 and weight decay 5e-4."""
    return optim.SGD(parameters, lr=rate, momentum=0.9, nesterov=True, weight_decay=5e-4)


def one_cycle(done: float) -> float:
    """Up on a line to 1 at 3/10 of the steps, down to 0 on a cosine.

    Smith and Topin 2017, arXiv:1708.07120. Deviations: one cosine instead of two lines down; the momentum stays.
    """
    return done / _WARM if done < _WARM else (1 + math.cos(math.pi * (done - _WARM) / (1 - _WARM))) / 2


def constant(done: float) -> float:
    """The same rate throughout."""
    del done
    return 1.0


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Args:
        epochs: passes over the data.
        batch_size: rows of the largest batch; batches differ by at most one row.
        rate: the peak learning rate.
        optimiser: (parameters, rate) -> a torch optimiser.
        schedule: fraction of the steps done, in (0, 1] -> fraction of the rate.
        augment: (x, generator) -> x for every batch; None for the images as they are.
        batch_norm: whether batch normalisation is put behind convolutions while they train, and folded into them at the end.
        bfloat16: whether products are computed in bfloat16; the weights stay in their own type.
        warm_up: the first part of the steps, in which ε rises on a line from 0 to that of an adversarial objective; 0 for the whole ε
            from the first step on. Begun at a large ε, a network may stay for good where every class is equally likely.

    Raises:
        InputError: a number that is not positive, a warm-up outside [0, 1].
    """

    epochs: int = 10
    batch_size: int = 128
    rate: float = 3e-3
    optimiser: Optimiser = adam
    schedule: Schedule = one_cycle
    augment: Augment | None = None
    batch_norm: bool = False
    bfloat16: bool = False
    warm_up: float = 0.5

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "rate"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InputError(f"{name} was given as {value}; expected a positive number")
        if not 0 <= self.warm_up <= 1:
            raise InputError(f"warm_up was given as {self.warm_up}; expected a fraction of the steps between 0 and 1")

    def budget(self, done: float) -> float:
        """The fraction of ε that is trained against once a fraction of the steps, in (0, 1], is done."""
        return done / self.warm_up if done < self.warm_up else 1.0


_SHIFTED = Recipe(epochs=60, batch_size=64, rate=2e-3, augment=Shift(2))
_PHOTOGRAPHS = Shift(4, mirror=True)
_NORMALISED: dict[str, Any] = {
    "rate": 0.1,
    "optimiser": sgd,
    "augment": Shift(2, mirror=True),
    "batch_norm": True,
    "bfloat16": True,
}
"""Chains of convolutions learn in a tenth of the epochs with batch normalisation, which is folded away at the end."""

RECIPES: dict[tuple[str, str], Recipe] = {
    ("linear", "mnist-5k"): Recipe(epochs=30, batch_size=64),
    ("mlp-512", "mnist-5k"): _SHIFTED,
    ("fc-500-150", "mnist-5k"): _SHIFTED,
    ("lenet-mnist", "mnist-5k"): replace(_SHIFTED, epochs=15),
    ("linear", "digits"): Recipe(epochs=60, batch_size=64),
    ("mlp-512", "digits"): Recipe(epochs=60, batch_size=64),
    ("fc-500-150", "digits"): Recipe(epochs=60, batch_size=64),
    ("mlp-512", "mnist"): Recipe(),
    ("fc-500-150", "mnist"): Recipe(epochs=30, rate=1e-3, schedule=constant),
    ("lenet-mnist", "mnist"): Recipe(epochs=10, rate=1e-3, schedule=constant),
    ("lenet-cifar", "cifar10"): Recipe(epochs=15, **_NORMALISED),
    ("nin", "cifar10"): Recipe(epochs=10, **_NORMALISED),
    ("resnet-20", "cifar10"): Recipe(epochs=40, rate=0.1, optimiser=sgd, augment=_PHOTOGRAPHS),
}
"""What suits a network of the zoo on a data set; `recipe_for` looks it up."""


def recipe_for(network: str, data: str) -> Recipe:
    """The settings of `RECIPES` for a network of the zoo on a named data set; `Recipe()` where there are none.

    Args:
        network: its name in the zoo.
        data: the data set's name.
    """
    return RECIPES.get((network, data), Recipe())
