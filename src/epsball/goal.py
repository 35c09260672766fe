"""What the attacker wants of the logits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from epsball.errors import InputError

_SURE = 8
"""Rounding errors of the largest logit by which a decision must be clear, so that no batch-mate and no repetition can undo it."""


@dataclass(frozen=True)
class Goal:
    """Any label but `labels` (untargeted), or exactly `labels` (targeted).

    Args:
        labels: the true labels, or the targets, `(N,)` int64.
        targeted: whether `labels` are targets.

    Example:
        >>> import torch
        >>> Goal(torch.tensor([0])).margin(torch.tensor([[2.0, 0.5]]))
        tensor([1.5000])
    """

    labels: Tensor
    targeted: bool = False

    @classmethod
    def towards(cls, targets: Tensor, labels: Tensor) -> Goal:
        """Return the goal of reaching `targets` `(N,)` from samples of class `labels` `(N,)`.

        Raises:
            InputError: a target equals its sample's label, so that nothing is left to reach.
        """
        same = int((targets == labels).sum())
        if same:
            raise InputError(
                f"{same} of {len(labels)} targets equal the sample's own label; choose another target for them or leave them out"
            )
        return cls(targets, targeted=True)

    def __getitem__(self, index: Tensor | slice) -> Goal:
        """Return the goal of some of the rows."""
        return Goal(self.labels[index], self.targeted)

    def met(self, logits: Tensor) -> Tensor:
        """Whether the decision on `logits` `(N, K)` is what the attacker wants, `(N,)`."""
        same: Tensor = logits.argmax(1) == self.labels
        return same if self.targeted else ~same

    def margin(self, logits: Tensor) -> Tensor:
        """Return by how much the goal is missed, `(N,)`; negative once it is met.

        Untargeted: z_y - max_{k != y} z_k. Targeted: max_{k != t} z_k - z_t.
        """
        own = logits.gather(1, self.labels[:, None]).squeeze(1)
        rest = logits.scatter(1, self.labels[:, None], -math.inf).amax(1)
        return rest - own if self.targeted else own - rest

    def rounding(self, logits: Tensor) -> Tensor:
        """Return the margin that a decision on `logits` `(N, K)` needs to stand above rounding, `(N,)`."""
        return _SURE * torch.finfo(logits.dtype).eps * logits.detach().abs().amax(1)
