"""What is known of every sample from all questions asked so far: the point of the threat where its goal is missed by least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.oracle.best import nearest_of_each

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.goal import Goal
    from epsball.threat import Threat


@dataclass(frozen=True)
class Known:
    """The point nearest to a success, and what the model says there.

    Args:
        x0: clean inputs `(n, …)`.
        threat: points outside it say nothing.
        x: the nearest point, `(n, …)`.
        logits: what the model says there, `(n, K)`.
        margin: by how much the goal is missed there, `(n,)`.
        clean: by how much it is missed at the input, `(n,)`.
    """

    x0: Tensor
    threat: Threat
    x: Tensor
    logits: Tensor
    margin: Tensor
    clean: Tensor

    @classmethod
    def at_inputs(cls, x0: Tensor, threat: Threat, logits: Tensor, goal: Goal) -> Known:
        """Return what is known once the inputs are queried."""
        margin = goal.margin(logits)
        return cls(x0, threat, x0.clone(), logits.clone(), margin, margin.clone())

    def __getitem__(self, rows: Tensor) -> Known:
        """Return what is known of some of the rows."""
        tensors = (self.x, self.logits, self.margin, self.clean)
        return Known(self.x0[rows], self.threat[rows], *(tensor[rows] for tensor in tensors))

    @property
    def near(self) -> Tensor:
        """The share of the clean margin that is left, `(n,)`; 0 where there was none."""
        return (self.margin / self.clean.clamp_min(torch.finfo(self.clean.dtype).tiny)).clamp_min(0)

    def update(self, x: Tensor, samples: Tensor | slice, goal: Goal, logits: Tensor) -> None:
        """Take the answers `logits` `(m, K)` at points `x` `(m, …)` of `samples` `(m,)` into account."""
        margin = goal.margin(logits)
        at = (margin < self.margin[samples]).nonzero().squeeze(1)
        if not len(at):
            return
        which = at + samples.start if isinstance(samples, slice) else samples[at]
        inside = self.threat[which].contains(x[at], self.x0[which])
        kept = nearest_of_each(inside, which, margin[at], len(self.margin))
        at, which = at[kept], which[kept]
        self.x[which], self.margin[which], self.logits[which] = x[at], margin[at], logits[at]
