"""Functions of NumPy arrays as models: they give scores or labels and no gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from epsball.models.entries import only
from epsball.models.forward import numpy_of

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERS = "biuf"
"""Kinds of NumPy's types that tensors have too."""


class BlackBox(nn.Module):
    """A function of NumPy arrays, asked for its answers.

    Args:
        function: (N, …) -> scores (N, K), or labels (N,), or a dictionary of them.
        reason: why there are no gradients, as a part of a sentence.
        weights: gives what decides the answers, by name, where `function` does not hold it.
        built: how it is built, likewise.
    """

    ends_early: bool = False
    """Whether a softmax at the end was left out."""
    graph_outputs: tuple[str, ...] = ()
    """The names of all outputs in a file that has several."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        reason: str,
        weights: Callable[[], Mapping[str, Any]] | None = None,
        built: str = "",
    ) -> None:
        super().__init__()
        self.function = function if weights is None else None
        self._answer, self._reason, self._weights, self._built = function, reason, weights or dict, built

    @property
    def reason(self) -> str:
        """Why there are no gradients."""
        return self._reason

    def forward(self, x: Tensor) -> Tensor | dict[Any, Any]:
        """Return the answers to inputs (N, …), without gradients: scores in the type of x, whole numbers as they are."""
        answer = self._answer(numpy_of(x))
        if isinstance(answer, Mapping):
            table = len(answer) == 1  # which may be a list
            return {name: _tensor(each, x) if table or _is_array(each) else each for name, each in answer.items()}
        return _tensor(only(answer), x)

    def extra_repr(self) -> str:
        """Return how it is built."""
        return self._built

    def get_extra_state(self) -> dict[str, Any]:
        """Return the weights, for the fingerprint."""
        return dict(self._weights())


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and np.asarray(value).dtype.kind in _NUMBERS


def _tensor(values: Any, like: Tensor) -> Tensor:
    found = torch.from_numpy(np.array(values))
    return found.to(like) if found.is_floating_point() else found.to(like.device)
