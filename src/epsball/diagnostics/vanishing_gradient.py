"""D04."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.errors import ModelError
from epsball.goal import Goal
from epsball.losses import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

VANISHED = 0.01
OTHERS = 0.9
"""Of the classes against the label all may be without a gradient at this part of the samples, as behind a ReLU at the end."""
MIXTURES = 8
PLAIN = "quote no figure of an attack on the plain cross entropy; this library's follow it at the scale of each sample, and the margin"
IN_FRONT = "hand in the numbers in front of the sigmoid, softmax or tanh, as logits: behind it the label's are rounded to its limit"


@check(
    "D04",
    "FAIL",
    Preflight,
    remedy="attack the logits with losses.margin, lower their scale, or attack a stand-in of the layer that stops the "
    "gradient, eb.bpda(model, layer), --estimate bpda:LAYER",
    unless=("D01", "D02", "D03"),
)
def vanishing_gradient(given: Preflight) -> Iterator[Observation]:
    """At 99 % of the correctly classified inputs the gradients of the loss and of the label's logit must not be zero.

    A head such as a sigmoid may round to its limit for the label and not for the other classes: the loss still has a gradient, which
    knows nothing of the label. Where the classes against it have none, as when only the largest logit is given, it knows nothing of
    them; nine inputs of ten may be so, as behind a ReLU at the end. A logit that is the same for all inputs, as that of a class of
    reference, is none; nor are logits from which the largest was subtracted. Logits so large that the cross entropy as PyTorch computes
    it has no gradient are a WARN: the loss that is followed here has one.
    """
    seen = _gradients(given)
    if seen is None:
        return
    plain, *gradients = seen
    allowed = {"gradient": VANISHED, "gradient of the label's logit": VANISHED, "gradient of all other logits": OTHERS}
    for (what, most), gradient in zip(allowed.items(), gradients, strict=True):
        vanished = _vanished(gradient)
        if vanished > most * len(gradient) and not (what.endswith("label's logit") and _largest_subtracted(given)):
            yield Observation(
                f"The {what} vanishes, so attacks that follow it cannot move",
                f"{vanished} of {len(gradient)} correctly classified samples have a gradient of zero, or too small for its digits",
                IN_FRONT if what.endswith("label's logit") else "",
            )
            return
    if (vanished := _vanished(plain)) > VANISHED * len(plain):
        yield Observation(
            "The logits are so large that the plain cross entropy has no gradient: an attack on it cannot move, those here can",
            f"at {vanished} of {len(plain)} correctly classified samples softmax rounds to 0 and 1 in {str(plain.dtype)[6:]}",
            PLAIN,
            severity="WARN",
        )


def _vanished(gradient: Tensor) -> int:
    """At how many samples it is zero, or too small for its digits."""
    limits = torch.finfo(gradient.dtype)
    return int((gradient.flatten(1).abs().amax(1) < limits.tiny / limits.eps).sum())


def _gradients(given: Preflight) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    """Gradients at the inputs that are classified correctly, None for none.

    That of the plain cross entropy at the logits, and at the inputs those of the loss, of the label's logit and of the others.
    """
    x, y = given.probe
    seen: list[Tensor] = []

    def values(logits: Tensor) -> list[Tensor]:
        seen.append(logits.detach())
        own = logits.gather(1, y[:, None]).sum()
        weights = torch.linspace(1, 2, logits.shape[1]).to(logits)  # different ones, so that no sum of all is constant
        others = (logits * weights).scatter(1, y[:, None], 0.0).sum()
        return [cross_entropy(logits, Goal(y)).sum(), own, others]

    try:
        found = given.slopes(x, values)
    except (ModelError, RuntimeError):  # an attack that needs gradients will say so, others never meet this
        return None
    logits, (loss, own, others) = seen[0], found
    right = logits.argmax(1) == y
    if loss is None or own is None or others is None or not bool(right.any()):
        return None
    varies = logits.amax(0) > logits.amin(0)
    facing = (varies.sum() > varies[y].int()) & right
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # as PyTorch computes it under autocast
    plain = logits.softmax(1) - F.one_hot(y, logits.shape[1]).to(logits)
    return plain[right], loss[right], own[varies[y] & right], others[facing]


def _largest_subtracted(given: Preflight) -> bool:
    """Whether the largest logit is one and the same number, of one class alone, between the inputs too, where no head is saturated."""
    x, _ = given.probe
    parts = torch.linspace(0, 1, MIXTURES).tolist()
    with torch.no_grad():
        logits = torch.cat([given.model(given.threat.clip(x.lerp(x.roll(1, 0), part))) for part in parts])
    top = logits.amax(1, keepdim=True)
    return bool((top == top[0]).all()) and bool(((logits == top).sum(1) == 1).all())
