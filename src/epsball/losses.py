"""What an attack ascends: functions (logits `(N, K)`, goal) -> `(N,)`, larger when the goal is nearer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from epsball.goal import Goal

Loss: TypeAlias = Callable[[Tensor, Goal], Tensor]


def cross_entropy(logits: Tensor, goal: Goal) -> Tensor:
    """Return J(x, y) = -log p_y, or log p_t for a target t. Source: Goodfellow et al. 2014, arXiv:1412.6572.

    Deviations: the gradient is that of the log odds, log((1 - p_y) / p_y), which is the gradient of J divided by 1 - p_y. Its
    direction is the same, but it does not vanish where a confident p_y rounds to 1. Steps that a norm scales do not see the factor.
    """
    own = logits.gather(1, goal.labels[:, None])
    odds = logits.scatter(1, goal.labels[:, None], -torch.inf).logsumexp(1) - own.squeeze(1)
    fixed = odds.detach()
    loss = odds + (F.softplus(fixed) - fixed)
    return -loss if goal.targeted else loss


def sharpened_cross_entropy(logits: Tensor, goal: Goal) -> Tensor:
    """Return T (log sum_{k != y} exp(z_k / T) - z_y / T), `(N,)`; for a target its negative.

    T is how far z_y is from the largest other logit, and at most 1; no gradient passes through it. Far from the boundary
    that is `cross_entropy` in direction; near it, the softmax is sharpened as the label's lead shrinks, so that the last
    steps head for the nearest boundary and not for a mixture of all. Source: none; docs/decisions/cross-entropy.md.
    """
    own = logits.gather(1, goal.labels[:, None])
    others = logits.scatter(1, goal.labels[:, None], -torch.inf)
    lead = (own - others.amax(1, keepdim=True)).detach().abs()
    heat = lead.clamp(torch.finfo(logits.dtype).eps, 1)
    loss = ((others / heat).logsumexp(1, keepdim=True) * heat - own).squeeze(1)
    return -loss if goal.targeted else loss


def margin(logits: Tensor, goal: Goal) -> Tensor:
    """Return max_{k != y} z_k - z_y, or z_t - max_{k != t} z_k. Source: Carlini and Wagner 2016, arXiv:1608.04644, f_6."""
    return -goal.margin(logits)


def dlr(logits: Tensor, goal: Goal) -> Tensor:
    """Return the margin divided by a difference of ordered logits, so that the scale of the logits cancels.

    Untargeted: -(z_y - max_{k != y} z_k) / (z_1 - z_3). Targeted: -(z_max - z_t) / (z_1 - (z_3 + z_4) / 2), with
    z_1 >= z_2 >= … Source: Croce and Hein 2020, arXiv:2003.01690, eqs. 6 and 7.
    Deviations: with fewer than three (four) classes the last ones there are stand in, and with two the divisor is a constant, for the
    ratio has no slope; the targeted numerator takes the largest logit other than the target, so that it keeps its sign once
    the target is reached.
    """
    order = logits.sort(1, descending=True).values
    last = order.shape[1] - 1
    low = (order[:, min(2, last)] + order[:, min(3, last)]) / 2 if goal.targeted else order[:, min(2, last)]
    spread = (order[:, 0] - low).clamp_min(torch.finfo(logits.dtype).tiny)
    return -goal.margin(logits) / (spread.detach() if last == 1 else spread)
