"""What an attack may ask for, and what the model looks like around one micro-batch."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from epsball.errors import ModelError

if TYPE_CHECKING:
    from epsball.goal import Goal


class Access(IntEnum):
    """What an attacker may see of a model; more includes less."""

    NOTHING = 0
    LABELS = 1
    SCORES = 2
    GRADIENT = 3


class Local:
    """The model around one micro-batch: its logits, and gradients of anything computed from them."""

    def __init__(self, x: Tensor, logits: Tensor, goal: Goal, gradients: Tensor) -> None:
        self.x = x
        self.logits = logits
        self.goal = goal
        self._gradients = gradients

    def gradient(self, values: Tensor, needed: Tensor | None = None, *, again: bool = False) -> Tensor:
        """Return the gradient of `values` `(n,)` to the inputs, `(n, …)`; `needed` `(n,)` marks the rows it is counted for."""
        gradient = (
            torch.autograd.grad(values.sum(), self.x, retain_graph=again, allow_unused=True)[0]
            if values.requires_grad
            else None
        )
        if gradient is None:
            raise ModelError(
                "the model's answer cannot be differentiated with respect to its input (no_grad, detach, NumPy or argmax inside); "
                "remove that, or use an attack that asks for scores or labels only"
            )
        self._gradients += 1 if needed is None else needed
        return gradient


Answer: TypeAlias = Callable[..., "tuple[Tensor, ...]"]
