"""What is known of every sample from all questions asked so far: where in the threat its goal is missed by least."""

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
    """The point of the threat that is nearest to a success, and what the model says there.

    Args:
        x0: clean inputs `(n, …)`.
        threat: the margin of points outside it says nothing.
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
    def at_inputs(cls, x0: Tensor, threat: Threat, logits: Tensor, goal: Goal, asked: Tensor) -> Known:
        """Return what is known once the inputs of the rows `asked` `(n,)` are queried; nothing is near of the others."""
        margin = goal.margin(logits).masked_fill(~asked, torch.inf)
        return cls(x0, threat, x0.clone(), logits.clone(), margin, margin.clone())

    def __getitem__(self, rows: Tensor) -> Known:
        """Return what is known of some of the rows."""
        tensors = (self.x, self.logits, self.margin, self.clean)
        return Known(self.x0[rows], self.threat[rows], *(tensor[rows] for tensor in tensors))

    @property
    def near(self) -> Tensor:
        """The share of the clean margin that is left, `(n,)`; 0 where none is."""
        return torch.where(self.margin > 0, self.margin / self.clean, 0).nan_to_num(torch.inf)

    def update(self, x: Tensor, samples: Tensor | slice, goal: Goal, logits: Tensor) -> None:
        """Take the answers `logits` `(m, K)` at points `x` `(m, …)` of `samples` `(m,)` into account."""
        margin = goal.margin(logits)
        at = (margin < self.margin[samples]).nonzero().squeeze(1)
        if not len(at):
            return
        which = at + samples.start if isinstance(samples, slice) else samples[at]
        x, margin = x[at], margin[at]
        kept = nearest_of_each(self.threat[which].contains(x, self.x0[which]), which, margin, len(self.margin))
        self.x[which[kept]], self.margin[which[kept]] = x[kept], margin[kept]
        self.logits[which[kept]] = logits[at[kept]]
