"""Models that may refuse an answer: K + 1 logits, the last of which is largest where an input is rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.goal import Goal

REJECT = "reject"
"""What `outputs` says of such a model."""


def without_rejection(logits: Tensor, goal: Goal) -> Tensor:
    """Return logits `(N, K)` by which a goal is met where the answer `(N, K + 1)` is what the attacker wants and is accepted.

    To be rejected is no success, so rejection sides with what the attacker wants to leave: with the label, or, where there is a
    target, with every other class. z'_k = max(z_k, z_reject) for these, z_k for the others.
    """
    classes, reject = logits[:, :-1], logits[:, -1:]
    named = torch.zeros_like(classes, dtype=torch.bool).scatter_(1, goal.labels[:, None], 1)
    return torch.where(named ^ goal.targeted, torch.maximum(classes, reject), classes)
