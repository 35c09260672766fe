"""The networks of a test of attacks: a model's features, and small heads on them under which one point of each ball is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from epsball.models.model import Model

ORDER = {"linf": float("inf"), "l2": 2.0, "l1": 1.0, "l0": 0.0}
"""The exponent of each norm."""
_TABLE = 2


class Features(nn.Module):
    """What the last linear layer of a model is given, (N, d); the logits where there is no such layer within reach.

    Args:
        model: whose features.
        x: an input (1, …), to find the layer with.
    """

    def __init__(self, model: Model, x: Tensor) -> None:
        super().__init__()
        self.model = model
        self.network = model.module
        self.head: nn.Module | None = self._last_linear(x)

    def _last_linear(self, x: Tensor) -> nn.Module | None:
        called: list[nn.Module] = []

        def note(part: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            if inputs and inputs[0].ndim == _TABLE and len(inputs[0]) == len(x) and output.ndim == _TABLE:
                called.append(part)

        linear = {part for network in self.model.modules for part in network.modules() if isinstance(part, nn.Linear)}
        hooks = [part.register_forward_hook(note) for part in linear]
        try:
            with torch.no_grad():
                self.model(x)
        finally:
            for hook in hooks:
                hook.remove()
        return called[-1] if called and called.count(called[-1]) == 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (N, d) of inputs (N, …)."""
        if self.head is None:
            return self.model.as_it_is(x)
        given: list[Tensor] = []
        with self.head.register_forward_pre_hook(lambda _part, inputs: given.append(inputs[0])):
            self.model.as_it_is(x)
        return given[-1]


class Shown(nn.Module):
    """Features as scores: behind a first one that is the highest, so that no point is an error of the class 0.

    Args:
        features: what is shown.
    """

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (N, 1 + d) of inputs (N, …)."""
        features = self.features(x)
        return torch.cat((features.amax(1, keepdim=True) + 1, features), 1)


class Heads(nn.Module):
    """Two logits, 0 and <w_i, φ(x)> - b_i, of the head of that sample i in whose ball x lies.

    Args:
        features: φ.
        x0: the samples (n, …), whose balls do not meet.
        norm: that of the balls.
        weight: w (n, d).
        bias: b (n,).
    """

    def __init__(self, features: Features, x0: Tensor, norm: str, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.features, self.x0, self.order, self.weight, self.bias = features, x0.flatten(1), ORDER[norm], weight, bias

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, 2) of inputs (N, …)."""
        features = self.features(x)
        near = distances(x.detach(), self.x0, self.order).argmin(1)
        score = (features.to(self.weight) * self.weight[near]).sum(1) - self.bias[near]
        return torch.stack((torch.zeros_like(score), score), 1)


def distances(x: Tensor, others: Tensor, order: float) -> Tensor:
    """Return |x_i - o_j| (N, n) of points (N, …) and (n, …)."""
    return torch.cdist(x.flatten(1).float(), others.flatten(1).float(), p=order)
