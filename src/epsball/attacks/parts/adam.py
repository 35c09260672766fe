"""Adam on rows: a step of every entry by its own mean and size of the gradients so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from epsball.geometry import rows

if TYPE_CHECKING:
    from torch import Tensor

_MEAN, _SQUARE, _AWAY_FROM_0 = 0.9, 0.999, 1e-8


class Adam(NamedTuple):
    """m <- 0.9 m + 0.1 g, v <- 0.999 v + 0.001 g², step = m' / (√v' + 10⁻⁸) with m', v' freed of their start at 0.

    Kingma and Ba 2014, arXiv:1412.6980, algorithm 1. Every row counts its own steps.

    Args:
        mean: m, `(N, …)`.
        square: v, `(N, …)`.
        taken: steps so far, `(N,)`.
    """

    mean: Tensor
    square: Tensor
    taken: Tensor

    @classmethod
    def like(cls, x: Tensor) -> Adam:
        """Begin for rows `x` `(N, …)`."""
        return cls(torch.zeros_like(x), torch.zeros_like(x), x.new_zeros(len(x)))

    def step(self, g: Tensor) -> tuple[Tensor, Adam]:
        """Return the step for a gradient `(N, …)`, to be multiplied by the rate and subtracted, and what is remembered."""
        taken = self.taken + 1
        mean, square = _MEAN * self.mean + (1 - _MEAN) * g, _SQUARE * self.square + (1 - _SQUARE) * g.square()
        then = Adam(mean, square, taken)
        return mean / rows(1 - _MEAN**taken, mean) / then.size(), then

    def size(self) -> Tensor:
        """√v' + 10⁻⁸, by which a step is divided, `(N, …)`."""
        return (self.square / rows(1 - _SQUARE**self.taken, self.square)).sqrt() + _AWAY_FROM_0

    def again(self, anew: Tensor) -> Adam:
        """Begin again for some rows `(N,)`."""
        return Adam(*(value.masked_fill(rows(anew, value).bool(), 0) for value in self))
