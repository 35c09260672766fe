"""What the attacker wants of the logits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from epsball.errors import InputError, brief

_SURE = 8
"""Roundings of the logits that compete by which a decision is clear, so that no batch-mate and no repetition can undo it."""
_SURE_IN_HALF = 1
"""The same where logits have 16 bits, which sums of 32 bits are rounded to once."""
_TIED = 0.5
"""Fraction of that by which the logits of a class and its copy may differ."""


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

    def __repr__(self) -> str:
        return f"Goal(labels={brief(self.labels)}, targeted={self.targeted})"

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
        own, rest = self._competing(logits)
        return rest - own if self.targeted else own - rest

    def rounding(self, logits: Tensor) -> Tensor:
        """Return the margin that a decision on `logits` `(N, K)` needs to stand above rounding, `(N,)`.

        It goes by the larger of the two logits that compete; another one, such as a masked class at -10⁹, says nothing about them.
        """
        own, rest = self._competing(logits.detach())
        return unit(logits.dtype) * torch.maximum(own.abs(), rest.abs())

    def _competing(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The logit of the label or target and the largest of the others, `(N,)` each."""
        own = logits.gather(1, self.labels[:, None]).squeeze(1)
        return own, logits.scatter(1, self.labels[:, None], -math.inf).amax(1)

    def tied(self, logits: Tensor) -> Tensor:
        """Return which classes have the same logit as the goal's label but for rounding, itself among them, `(N, K)`.

        A copy of the class ties with it everywhere: it is no class to head for, and no lead over it can be gained.
        """
        logits = logits.detach()
        return equal(logits, logits.gather(1, self.labels[:, None]))


def equal(logits: Tensor, own: Tensor) -> Tensor:
    """Return which of the `logits` `(N, K)` are that of the label, `own` `(N, 1)`, but for rounding, `(N, K)`."""
    return (logits - own).abs() <= _TIED * unit(logits.dtype) * own.abs()


def unit(dtype: torch.dtype) -> float:
    """Return what a decision needs to be clear, as a fraction of the logits that compete."""
    return (_SURE if torch.finfo(dtype).bits > 16 else _SURE_IN_HALF) * torch.finfo(dtype).eps  # noqa: PLR2004 - bits
