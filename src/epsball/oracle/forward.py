"""One pass of the model over one micro-batch: memory order, precision, logits, and gradients of anything computed from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from epsball.errors import ModelError
from epsball.oracle.convolution import InTiles

if TYPE_CHECKING:
    from epsball.goal import Goal
    from epsball.models.model import Model
    from epsball.oracle.batching import Batching

_TILED_NUMBERS = 2**14
"""Below this many numbers in a micro-batch, the way through Python costs more than tiles save."""


class Local:
    """The model around one micro-batch: its logits, and gradients of anything computed from them."""

    def __init__(self, x: Tensor, logits: Tensor, goal: Goal, gradients: Tensor) -> None:
        self.x = x
        self.logits = logits
        self.goal = goal
        self._gradients = gradients
        self.undefined: Tensor | None = None
        """How many entries of each row's gradients were NaN or infinite, `(n,)`; None where all were numbers."""

    def gradient(self, values: Tensor, needed: Tensor | None = None, *, again: bool = False) -> Tensor:
        """Return the gradient of `values` `(n,)` to the inputs, `(n, …)`; `needed` `(n,)` marks the rows it is counted for.

        Entries that are NaN or infinite, as those of a square root at 0 are, become 0 and are counted.
        """
        gradient = (
            torch.autograd.grad(values.sum(), self.x, retain_graph=again, allow_unused=True)[0]
            if values.requires_grad
            else None
        )
        if gradient is None:
            raise ModelError(
                "the model's answer cannot be differentiated with respect to its input (no_grad, detach, NumPy or argmax inside); "
                "remove that, or use an attack that needs scores or labels only"
            )
        self._gradients += 1 if needed is None else needed
        return gradient if math.isfinite(gradient.sum().item()) else self._defined(gradient, needed)

    def _defined(self, gradient: Tensor, needed: Tensor | None) -> Tensor:
        finite = gradient.isfinite()
        missing = (~finite).flatten(1).sum(1) * (1 if needed is None else needed)
        self.undefined = missing if self.undefined is None else self.undefined + missing
        return gradient.where(finite, torch.zeros_like(gradient))


Answer: TypeAlias = Callable[..., "tuple[Tensor, ...]"]
"""(local, row tensors of the micro-batch …) -> row tensors of the micro-batch."""


@contextmanager
def forward(model: Model, x: Tensor, batching: Batching, *, differentiate: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the input `(n, …)` as the model gets it and its logits `(n, K)`, ready for gradients if `differentiate`."""
    leaf = arranged(x, batching).requires_grad_(differentiate)
    lowered = differentiate and batching.bfloat16
    with torch.set_grad_enabled(differentiate), precision(leaf, bfloat16=lowered):
        with kernels(leaf, batching):
            logits = model(leaf)
        yield leaf, logits.to(leaf.dtype) if lowered else logits


def precision(x: Tensor, *, bfloat16: bool) -> torch.autocast:
    """Return the context in which a model is queried at `x`; float64 is never lowered."""
    return torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16 and x.dtype == torch.float32)


def kernels(x: Tensor, batching: Batching) -> AbstractContextManager[object]:
    """Return the context in which a model is queried at a micro-batch `x` to which gradients may be taken."""
    return InTiles() if batching.tiles and x.requires_grad and x.numel() >= _TILED_NUMBERS else nullcontext()


def arranged(x: Tensor, batching: Batching) -> Tensor:
    """Return a detached `x` in the batching's memory order.

    PyTorch takes one channel for contiguous whichever way its strides are written, and then runs the first convolution in the
    other order and converts after it; the strides say outright what is meant.
    """
    x = x.detach()
    if not batching.channels_last:
        return x
    if x.shape[1] == 1:
        height, width = x.shape[2:]
        return x.contiguous().as_strided(x.shape, (height * width, 1, width, 1))
    return x.contiguous(memory_format=torch.channels_last)
