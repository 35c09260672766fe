"""What trajectories of minimum-norm attacks are compared with: one sample, PyTorch's autograd, the paper's loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recording import Curved, Recorder, middle

if TYPE_CHECKING:
    import epsball as eb

NET = Curved(6)
X = middle(5, 6)
Y = NET(X).argmax(1)


def lead(x: Tensor, y: int = -1) -> tuple[Tensor, Tensor]:
    """z_y - max_{k != y} z_k at one point `(1, 6)`, and its gradient `(1, 6)`."""
    x = x.clone().requires_grad_()
    z = NET(x)[0]
    others = torch.cat((z[:y], z[y + 1 :]))
    value = z[y] - others.max()
    (g,) = torch.autograd.grad(value, x)
    return value.detach(), g


def points_of(attack: eb.Attack, row: int, threat: eb.Threat, start: Tensor | None = None) -> list[Tensor]:
    """Every point `(1, 6)` that an attack asks about for one of the inputs."""
    model = Recorder(NET)
    start = None if start is None else start[row : row + 1]
    attack(model, X[row : row + 1], Y[row : row + 1], threat, start=start)
    return [point for batch in model.points for point in batch[:, None]]


def equal(points: list[Tensor], expected: list[Tensor], tolerance: float = 1e-9) -> None:
    """Hold the first points of a trajectory to those expected."""
    assert len(points) >= len(expected) > 2
    for point, wanted in zip(points, expected, strict=False):
        torch.testing.assert_close(point, wanted, rtol=0, atol=tolerance)
