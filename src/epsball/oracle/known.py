"""What is known of every sample from all questions asked so far: where its goal is missed by least, and the nearest error outside."""

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
    """The point of the threat that is nearest to a success, what the model says there, and the nearest error outside the threat.

    Args:
        x0: clean inputs `(n, …)`.
        threat: the margin of points outside it says nothing.
        x: the nearest point, `(n, …)`.
        logits: what the model says there, `(n, K)`.
        margin: by how much the goal is missed there, `(n,)`.
        clean: by how much it is missed at the input, `(n,)`.
        error: the nearest error outside the threat, `(n, …)`; the input where there is none.
        distance: how far away that is, `(n,)` in float64; infinity where there is none.
    """

    x0: Tensor
    threat: Threat
    x: Tensor
    logits: Tensor
    margin: Tensor
    clean: Tensor
    error: Tensor
    distance: Tensor

    @classmethod
    def at_inputs(cls, x0: Tensor, threat: Threat, logits: Tensor, goal: Goal, asked: Tensor) -> Known:
        """Return what is known once the inputs of the rows `asked` `(n,)` are queried; nothing is near of the others."""
        margin = goal.margin(logits).masked_fill(~asked, torch.inf)
        far = torch.full_like(margin, torch.inf, dtype=torch.float64)
        return cls(x0, threat, x0.clone(), logits.clone(), margin, margin.clone(), x0.clone(), far)

    def __getitem__(self, rows: Tensor) -> Known:
        """Return what is known of some of the rows."""
        tensors = (self.x, self.logits, self.margin, self.clean, self.error, self.distance)
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
        x, margin, distance = x[at], margin[at], self.threat[which].distance(x[at], self.x0[which])
        inside = self.threat[which].contains(x, self.x0[which], distance)
        kept = nearest_of_each(inside, which, margin, len(self.margin))
        self.x[which[kept]], self.margin[which[kept]] = x[kept], margin[kept]
        self.logits[which[kept]] = logits[at[kept]]
        nearer = ~inside & (margin < 0) & (distance < self.distance[which])
        if bool(nearer.any()):
            kept = nearest_of_each(nearer, which, distance, len(self.margin))
            self.error[which[kept]], self.distance[which[kept]] = x[kept], distance[kept]
