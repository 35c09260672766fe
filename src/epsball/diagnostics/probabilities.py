"""D01."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

ROUNDING = 1e-5
LOGARITHMS = 1e-4
TYPES = (torch.float32, torch.bfloat16, torch.float16)


@check("D01", "FAIL", Preflight, remedy='remove the softmax at the end, or say so: eb.wrap(net, outputs="probs")')
def probabilities(given: Preflight) -> Iterator[Observation]:
    """Logits must not be probabilities; their logarithms are logits, and are only noted.

    Probabilities of float32 are refused before any check, with the same remedy; here are those that were rounded to fewer digits,
    whose rows sum to 1 within their own rounding.
    """
    logits = given.passes[0]
    if given.model.outputs != "logits":  # what else a network returns was turned into logits
        return
    if _are_probabilities(logits):
        yield Observation(
            "The model returns probabilities where logits are expected, behind which gradients vanish",
            f"all {logits.numel()} outputs for {len(logits)} samples lie in [0, 1] and each row sums to 1",
        )
    elif bool((logits.double().logsumexp(1).abs() < LOGARITHMS).all()):
        yield Observation(
            "The model returns logarithms of probabilities, which are logits but for a constant",
            f"the exponentials of the outputs sum to 1 for all {len(logits)} samples",
            "nothing to do",
            severity="INFO",
        )


def _are_probabilities(logits: Tensor) -> bool:
    """Whether all rows (n, K) are probabilities, rounded to the digits of any of the types that they may have been computed in."""
    values = logits.double()
    for kind in TYPES:
        rounding = max(ROUNDING, torch.finfo(kind).eps)
        if bool((values == logits.to(kind).double()).all()):
            between = bool(((values >= -rounding) & (values <= 1 + rounding)).all())
            if between and bool(((values.sum(1) - 1).abs() <= rounding).all()):
                return True
    return False
