"""What the verbs ask of one micro-batch: row tensors computed from its logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.goal import Goal
from epsball.losses import cross_entropy, value_and_slope

if TYPE_CHECKING:
    from epsball.losses import Loss
    from epsball.oracle.forward import Answer, Local


def gradient_of(loss: Loss) -> Answer:
    """Return the answer (loss `(n,)`, its gradient `(n, …)`), of a goal of its own where classes `(n,)` come along."""

    def answer(local: Local, *classes: Tensor) -> tuple[Tensor, ...]:
        goal = Goal(classes[0], targeted=True) if classes else local.goal
        closed = value_and_slope(loss, local.logits.detach(), goal)
        if closed is not None:
            return closed[0], local.pulled(closed[1])
        value = loss(local.logits, goal)
        return value.detach(), local.gradient(value)

    return answer


def jacobian(local: Local, *asked: Tensor) -> tuple[Tensor, ...]:
    """Return the logits `(n, K)` and the gradients of those asked for `(n, k)`, all of them when left out, `(n, k, …)`."""
    logits = local.logits
    wanted = asked[0] if asked else torch.arange(logits.shape[1], device=logits.device).expand_as(logits)
    chosen = logits.gather(1, wanted)
    last = wanted.shape[1] - 1
    slopes = [local.gradient(chosen[:, k], again=k < last) for k in range(last + 1)]
    return logits.detach(), torch.stack(slopes, 1)


def scores(local: Local) -> tuple[Tensor, ...]:
    """Return the logits `(n, K)`."""
    return (local.logits,)


def margin(local: Local) -> tuple[Tensor, ...]:
    """Return by how much the goal is missed, `(n,)`."""
    return (local.goal.margin(local.logits),)


def plain_loss(local: Local) -> tuple[Tensor, ...]:
    """Return the cross entropy `(n,)`."""
    return (cross_entropy(local.logits, local.goal),)
