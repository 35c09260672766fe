"""D04."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.errors import ModelError
from epsball.goal import Goal
from epsball.losses import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

VANISHED = 0.01


@check(
    "D04",
    "FAIL",
    Preflight,
    remedy="attack the logits with losses.margin, lower their scale, or replace the layer that stops the gradient",
    unless=("D02", "D03"),
)
def vanishing_gradient(given: Preflight) -> Iterator[Observation]:
    """At 99 % of the correctly classified inputs the loss of a differentiable model must have a gradient that is not zero."""
    gradient, right = _loss_gradient(given)
    if gradient is None or not bool(right.any()):
        return
    size = gradient[right].flatten(1).abs().amax(1)
    vanished = int((size < torch.finfo(size.dtype).tiny).sum())
    if vanished > VANISHED * len(size):
        yield Observation(
            "The gradient vanishes, so attacks that follow it cannot move",
            f"{vanished} of {len(size)} correctly classified samples have a gradient of zero or below the smallest normal number",
        )


def _loss_gradient(given: Preflight) -> tuple[Tensor | None, Tensor]:
    """The gradient of the loss, or None where the model has none, and which rows are classified correctly."""
    x, y = given.probe
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        try:
            logits = given.model(leaf)
            right = logits.argmax(1) == y
            loss = cross_entropy(logits, Goal(y)).sum()
            gradient = torch.autograd.grad(loss, leaf, allow_unused=True)[0]
            return None if gradient is None else gradient.nan_to_num(0, 0, 0), right
        except (ModelError, RuntimeError):  # an attack that needs gradients will say so, others never meet this
            return None, torch.zeros_like(y, dtype=torch.bool)
