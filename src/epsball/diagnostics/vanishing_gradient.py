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
    """At 99 % of the correctly classified inputs the gradients of the loss and of the label's logit must not be zero.

    A head such as a sigmoid may round to its limit for the label and not for the other classes: the loss still has a gradient, which
    knows nothing of the label. A logit that is the same for all inputs, as that of a class of reference, is none.
    """
    gradients = _gradients(given)
    if gradients is None:
        return
    for what, gradient in zip(("gradient", "gradient of the label's logit"), gradients, strict=True):
        size = gradient.flatten(1).abs().amax(1)
        vanished = int((size < torch.finfo(size.dtype).tiny).sum())
        if vanished > VANISHED * len(size):
            yield Observation(
                f"The {what} vanishes, so attacks that follow it cannot move",
                f"{vanished} of {len(size)} correctly classified samples have a gradient of zero or below the smallest normal number",
            )
            return


def _gradients(given: Preflight) -> tuple[Tensor, Tensor] | None:
    """The gradients of the loss and of the label's logit at the inputs that are classified correctly, None where the model has none."""
    x, y = given.probe
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        try:
            logits = given.model(leaf)
            right = logits.argmax(1) == y
            loss = cross_entropy(logits, Goal(y)).sum()
            own = logits.gather(1, y[:, None]).sum()
            loss_gradient = torch.autograd.grad(loss, leaf, allow_unused=True, retain_graph=True)[0]
            own_gradient = torch.autograd.grad(own, leaf, allow_unused=True)[0]
        except (ModelError, RuntimeError):  # an attack that needs gradients will say so, others never meet this
            return None
    if loss_gradient is None or own_gradient is None or not bool(right.any()):
        return None
    varies = (logits.amax(0) > logits.amin(0))[y] & right
    return loss_gradient[right].nan_to_num(0, 0, 0), own_gradient[varies].nan_to_num(0, 0, 0)
