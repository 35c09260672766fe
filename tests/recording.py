"""What a model was asked: the way to see an attack's trajectory from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    import epsball as eb


class Recorder:
    """A model that keeps every batch it is asked about."""

    def __init__(self, net: Callable[[Tensor], Tensor]) -> None:
        self.net = net
        self.points: list[Tensor] = []

    def __call__(self, x: Tensor) -> Tensor:
        self.points.append(x.detach().clone())
        return self.net(x)

    @property
    def sizes(self) -> list[int]:
        """The size of every batch."""
        return [len(x) for x in self.points]


class Curved:
    """A smooth network tanh(x A) B in float64, whose gradient turns from step to step."""

    def __init__(self, size: int, classes: int = 3, seed: int = 0) -> None:
        draws = torch.Generator().manual_seed(seed)
        self.inner = 2 * torch.randn(size, 16, generator=draws, dtype=torch.float64)
        self.outer = torch.randn(16, classes, generator=draws, dtype=torch.float64)

    def __call__(self, x: Tensor) -> Tensor:
        return ((x.flatten(1) - 0.5) @ self.inner).tanh() @ self.outer


def middle(n: int, size: int, seed: int = 1) -> Tensor:
    """Inputs `(n, size)` near the middle of the unit box, in float64."""
    draws = torch.Generator().manual_seed(seed)
    return 0.45 + 0.1 * torch.rand(n, size, generator=draws, dtype=torch.float64)


def path(
    attack: eb.Attack, net: Callable[[Tensor], Tensor], x: Tensor, y: Tensor | eb.Goal, threat: eb.Threat, seed: int = 0
) -> Tensor:
    """Every point that an inner maximisation asks about, and at the end the one that it returns, `(steps + 1, N, …)`."""
    model = Recorder(net)
    last = attack.maximise(model, x, y, threat, seed=seed)
    return torch.stack([*model.points, last])
