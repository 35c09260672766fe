"""D54."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.errors import ModelError
from epsball.models.black_box import BlackBox

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAYS = "The model gives no gradients, so it was attacked as a black box"


@check(
    "D54",
    "WARN",
    Preflight,
    remedy="where the network is yours, evaluate it in PyTorch, JAX or Keras on one of these; else compare with black boxes only",
)
def scores_only(given: Preflight) -> Iterator[Observation]:
    """A model should give gradients: a search by scores or labels alone leaves more standing; for a network of PyTorch it is a FAIL."""
    for network in given.model.modules:
        for part in network.modules():
            if isinstance(part, BlackBox):
                yield Observation(_SAYS, part.reason)
                return
    try:
        with torch.enable_grad():
            answer = given.model(given.x[:1].detach().clone().requires_grad_())
    except (ModelError, RuntimeError):
        return  # a network that refuses inputs with gradients is told by the attack that asks for them
    if not answer.requires_grad:
        yield Observation(
            _SAYS,
            "its answer cannot be differentiated: a detach, torch.no_grad or an operation without gradient stands in between",
            "take that out, or attack through it with eb.bpda(model, layer): a search without gradients leaves more standing",
            "FAIL" if given.model.modules and not given.model.outputs.startswith("labels") else None,
        )
