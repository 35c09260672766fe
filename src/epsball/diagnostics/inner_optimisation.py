"""D21."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROWS = 4
DIFFERENTIATION = {"grad", "backward", "_make_dual"}
"""Names of the functions that every way to a derivative calls, the last one in forward mode."""


@check(
    "D21",
    "WARN",
    Preflight,
    remedy="attack through the inner search: differentiate its steps, or replace what it does to an input, eb.bpda(model, purify)",
)
def inner_optimisation(given: Preflight) -> Iterator[Observation]:
    """A forward pass must not take gradients of its own: a search inside it needs an attack that was written for it.

    What is seen is every call of PyTorch's differentiation while the model answers, whatever it is called through; an inner search
    without gradients, or in another framework, is not.
    """
    seen = _Differentiations()
    x, _ = given.probe
    try:
        with torch.enable_grad(), seen:
            given.model(x[:ROWS].detach().clone().requires_grad_())
    except (ModelError, RuntimeError):  # an attack that needs gradients will say so
        return
    if seen.count:
        yield Observation(
            "The model takes gradients inside its forward pass, as a defence does that optimises its input before it answers",
            f"{seen.count} derivatives are taken in one forward pass over {min(ROWS, len(x))} samples",
        )


class _Differentiations(TorchFunctionMode):
    """Counts the derivatives that are asked for while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.count += getattr(func, "__name__", "") in DIFFERENTIATION
        return func(*args, **(kwargs or {}))
