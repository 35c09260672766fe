"""The gradients of one training batch: at once, or in parts that fit into memory; and the memory order that a network trains in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.models.memory import halved, is_out_of_memory
from epsball.models.outputs import gradient_failure
from epsball.models.shared import Before, PartBefore, RandomState, parts_of
from epsball.oracle.batching import choose_batching
from epsball.oracle.memory_format import takes_channels_last
from epsball.training.validation import device_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from epsball.models.model import Model


def memory_format(model: Model, x: Tensor) -> torch.memory_format:
    """Return the order in memory of images like `x` `(N, …)` and of the weights while a network trains."""
    x = x[:2].to(device_of(model))
    pixelwise = choose_batching(model, x).channels_last and takes_channels_last(model, x, training=True)
    return torch.channels_last if pixelwise else torch.contiguous_format


class Gradients:
    """Sums up the gradients of a batch, in smaller and smaller parts once memory has run out.

    The gradient of a mean is the mean of the parts' gradients by their sizes. Layers that draw random numbers or average over a batch
    do so over its parts.

    Args:
        net: whose parameters get the gradients.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net: nn.Module = net
        self.size: int | None = None

    def __call__(self, loss: Callable[[slice], Tensor], n: int) -> float:
        """Set the gradients of the mean loss over n rows, and return it.

        Args:
            loss: rows -> the mean loss over them.
            n: rows of the batch.

        Raises:
            ModelError: the backward pass failed, or memory ran out with a single row.
        """
        while True:
            size = min(self.size or n, n)
            before: list[Before] = [*map(PartBefore, parts_of([self.net])), RandomState(torch.default_generator)]
            try:
                return self._summed(loss, n, size)
            except (RuntimeError, MemoryError) as error:
                self.size = halved(size, error)
                for each in before:
                    each.restore()

    def _summed(self, loss: Callable[[slice], Tensor], n: int, size: int) -> float:
        self.net.zero_grad()
        total = 0.0
        for start in range(0, n, size):
            rows = slice(start, min(start + size, n))
            mean = loss(rows)
            total += mean.item() * (rows.stop - start) / n
            try:
                (mean * ((rows.stop - start) / n) if size < n else mean).backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                if is_out_of_memory(error):
                    raise
                raise gradient_failure(error) from error
        return total
