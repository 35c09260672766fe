"""SparseFool against its algorithm: DeepFool's steps, then a move in few features onto the hyperplane at the boundary."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.geometry import l1
from trajectories import NET, X, Y, equal, points_of

WEIGHT = torch.tensor([3.0, -8.0, 2.0, 0.5], dtype=torch.float64)


def nearest_step(z: Tensor, y: int) -> Tensor:
    """DeepFool's step in l2 from one point `(1, 6)`."""
    steps = []
    for k in {0, 1, 2} - {y}:
        at = z.clone().requires_grad_()
        logits = NET(at)[0]
        (w,) = torch.autograd.grad(logits[y] - logits[k], at)
        steps.append(-1.02 * (logits[y] - logits[k]).detach() / w.square().sum() * w)
    return min(steps, key=lambda step: float(step.norm()))


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("control", [1.0, 2.5])
def test_sparse_fool_follows_its_algorithm(row: int, control: float) -> None:
    x0, y = X[row : row + 1], int(Y[row])
    x, z, moved, expected = x0, x0, True, []
    for _ in range(6):
        expected.append(z)
        at = z.clone().requires_grad_()
        logits = NET(at)[0]
        k = int(logits.argmax())
        if k == y:
            z, moved = (z + nearest_step(z, y)).clamp(0, 1), False
            continue
        if moved:
            break
        (w,) = torch.autograd.grad(logits[k] - logits[y], at)
        target = x + control * (z - x)
        x = x + l1.onto_hyperplane(w, (w * (x - target)).sum()[None], -x, 1 - x)
        z, moved = x, True
    attack = eb.SparseFool(steps=6, control=control, halvings=0, screen=torch.inf)
    points = points_of(attack, row, eb.Threat("l1"))
    distinct = [
        point for point, before in zip(points, [points[-1] + 1, *points], strict=False) if not point.equal(before)
    ]
    equal(distinct, expected, 1e-8)


@pytest.mark.parametrize(("norm", "distance"), [("l1", 0.3 / 8), ("l0", 1.0)])
def test_on_an_affine_model_the_steepest_feature_moves_alone(norm: str, distance: float) -> None:
    def net(x: Tensor) -> Tensor:
        ahead = (x - 0.5) @ WEIGHT + 0.3
        return torch.stack((ahead, -ahead), 1)

    x = torch.full((1, 4), 0.5, dtype=torch.float64)
    found = eb.SparseFool()(net, x, torch.tensor([0]), eb.Threat(norm))
    assert (found.x != x).nonzero()[:, 1].tolist() == [1]
    assert found.distance.item() == pytest.approx(distance, rel=2e-3)


def test_a_feature_stops_at_its_limit_and_the_next_one_follows() -> None:
    def net(x: Tensor) -> Tensor:
        ahead = (x - 0.5) @ WEIGHT + 5
        return torch.stack((ahead, -ahead), 1)

    x = torch.full((1, 4), 0.5, dtype=torch.float64)
    found = eb.SparseFool()(net, x, torch.tensor([0]), eb.Threat("l0"))
    assert found.distance.item() == 2
    assert found.x[0, 1].item() == 1
    assert found.x[0, 0].item() < 0.5
