"""One pass of the model over one micro-batch: memory order, precision, logits, and gradients of anything computed from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from epsball.errors import ModelError
from epsball.models.memory import is_out_of_memory
from epsball.models.outputs import gradient_failure
from epsball.oracle.convolution import InTiles
from epsball.oracle.memory_format import channels_last

if TYPE_CHECKING:
    from epsball.goal import Goal
    from epsball.models.model import Model
    from epsball.oracle.batching import Batching

_TILED_NUMBERS = 2**14
"""Below this many numbers in a micro-batch, the way through Python costs more than tiles save."""


class Local:
    """The model around one micro-batch: its logits, and gradients of anything computed from them.

    Args:
        x: the inputs `(n, …)`, of which gradients are taken.
        logits: the model's answers `(n, K)`.
        goal: of these rows.
        again: answers the same inputs once more, for networks whose backward pass can run only once.
        movable: which features may change, `(n, …)`; the gradient is 0 at the others. None for all of them.
    """

    def __init__(
        self,
        x: Tensor,
        logits: Tensor,
        goal: Goal,
        again: Callable[[], Tensor],
        movable: Tensor | None = None,
    ) -> None:
        self.x = x
        self.logits = logits
        self.goal = goal
        self._again = again
        self._movable = movable
        self._used = False
        self.gradients: Tensor | int = 0
        """How many gradients were taken, of each row where they differ, `(n,)`."""
        self.undefined: Tensor | None = None
        """How many entries of each row's gradients were NaN or infinite, `(n,)`; None where all were numbers."""

    def gradient(self, values: Tensor, needed: Tensor | None = None, *, again: bool = False) -> Tensor:
        """Return the gradient of `values` `(n,)` to the inputs, `(n, …)`.

        Entries that are NaN or infinite, as those of a square root at 0 are, become 0 and are counted.

        Args:
            values: computed from the logits.
            needed: marks the rows it is counted for, `(n,)`.
            again: whether more gradients are to follow.

        Raises:
            ModelError: the network cannot be differentiated, with PyTorch's reason and a remedy.
        """
        return self._checked(self._gradient(values.sum(), None, retain=again) if values.requires_grad else None, needed)

    def pulled(self, slope: Tensor) -> Tensor:
        """Return the gradient to the inputs `(n, …)` of what has the gradient `slope` `(n, K)` to the logits; as `gradient` does."""
        return self._checked(
            self._gradient(self.logits, slope, retain=False) if self.logits.requires_grad else None, None
        )

    def _checked(self, gradient: Tensor | None, needed: Tensor | None) -> Tensor:
        if gradient is None:
            raise ModelError(
                "the model's answer cannot be differentiated with respect to its input (no_grad, detach, NumPy or argmax inside); "
                'remove that, or use attacks that need scores or labels only: suite="blackbox" or "labels", --suite on the command line'
            )
        self.gradients = self.gradients + (1 if needed is None else needed.long())
        if self._movable is not None:
            gradient = gradient.masked_fill(~self._movable, 0)
        return gradient if math.isfinite(gradient.sum().item()) else self._defined(gradient, needed)

    def _gradient(self, answer: Tensor, slope: Tensor | None, *, retain: bool) -> Tensor | None:
        try:
            gradient = torch.autograd.grad(answer, self.x, slope, retain_graph=retain, allow_unused=True)[0]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if is_out_of_memory(error):
                raise
            if retain or self._used:
                return self._afresh(answer, slope, error)
            raise gradient_failure(error) from error
        self._used = True
        return gradient

    def _defined(self, gradient: Tensor, needed: Tensor | None) -> Tensor:
        finite = gradient.isfinite()
        missing = (~finite).flatten(1).sum(1) * (1 if needed is None else needed)
        self.undefined = missing if self.undefined is None else self.undefined + missing
        return gradient.where(finite, torch.zeros_like(gradient))

    def _afresh(self, answer: Tensor, slope: Tensor | None, reason: BaseException) -> Tensor | None:
        """The same through another forward pass: what was compiled frees its memory in the backward pass, which runs once."""
        try:
            if slope is None:
                slope = torch.autograd.grad(answer, self.logits, retain_graph=True)[0]
            return torch.autograd.grad(self._again(), self.x, slope, allow_unused=True)[0]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if is_out_of_memory(error):
                raise
            raise gradient_failure(reason) from error


Answer: TypeAlias = Callable[..., "tuple[Tensor, ...]"]
"""(local, row tensors of the micro-batch …) -> row tensors of the micro-batch."""


@contextmanager
def forward(
    model: Model, x: Tensor, batching: Batching, *, differentiate: bool
) -> Iterator[tuple[Tensor, Tensor, Callable[[], Tensor]]]:
    """Give the input `(n, …)` as the model gets it, its logits `(n, K)`, ready for gradients if `differentiate`, and the way there."""
    leaf = arranged(x, batching).requires_grad_(differentiate)
    lowered = differentiate and batching.bfloat16

    def answer() -> Tensor:
        with kernels(leaf, batching):
            logits = model(leaf)
        return logits.to(leaf.dtype) if lowered else logits

    with torch.set_grad_enabled(differentiate), precision(leaf, bfloat16=lowered):
        yield leaf, answer(), answer


def precision(x: Tensor, *, bfloat16: bool) -> AbstractContextManager[object]:
    """Return the context in which a model is queried at `x`; float64 is never lowered."""
    if not bfloat16 and not torch.is_autocast_enabled(x.device.type):
        return nullcontext()  # a context that changes nothing costs as much as some layers of a small network
    return torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16 and x.dtype == torch.float32)


def kernels(x: Tensor, batching: Batching) -> AbstractContextManager[object]:
    """Return the context in which a model is queried at a micro-batch `x` to which gradients may be taken."""
    return InTiles() if batching.tiles and x.requires_grad and x.numel() >= _TILED_NUMBERS else nullcontext()


def arranged(x: Tensor, batching: Batching) -> Tensor:
    """Return a detached `x` in the batching's memory order."""
    return channels_last(x) if batching.channels_last else x.detach()
