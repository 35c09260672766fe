"""The weight c of the loss against the distance, searched for each sample."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Constants(NamedTuple):
    """A bracket [low, high] of c: it grows tenfold until an attack succeeds, and is bisected then.

    Carlini and Wagner 2016, arXiv:1608.04644, section V-D, as in their code.

    Args:
        value: c, `(N,)`.
        low: the largest c known to be too small, `(N,)`.
        high: the smallest c known to be enough, `(N,)`; infinity where there is none.
    """

    value: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, value: float, like: Tensor) -> Constants:
        """Begin with one number for all rows of `like` `(N, …)`."""
        c = like.new_full((len(like),), value)
        return cls(c, torch.zeros_like(c), torch.full_like(c, torch.inf))

    def after(self, met: Tensor) -> Constants:
        """Return the bracket once it is known whether an attack with c succeeds, `(N,)`."""
        low, high = torch.where(met, self.low, self.value), torch.where(met, self.value, self.high)
        return Constants(torch.where(high.isinf(), 10 * self.value, (low + high) / 2), low, high)
