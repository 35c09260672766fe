"""FAB against its algorithm on one sample; where its restarts begin, which class FAB-T heads for, and when a row is left alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.geometry import NORMS
from recording import Recorder
from trajectories import NET, X, Y, equal, points_of

NAMES = ["linf", "l2", "l1"]


def boundaries(x: Tensor, y: int) -> list[tuple[int, Tensor, Tensor]]:
    """(k, z_y - z_k, its gradient) of every other class."""
    found = []
    for k in {0, 1, 2} - {y}:
        at = x.clone().requires_grad_()
        z = NET(at)[0]
        (w,) = torch.autograd.grad(z[y] - z[k], at)
        found.append((k, (z[y] - z[k]).detach(), w))
    return found


def next_point(x: Tensor, x0: Tensor, y: int, name: str, target: int | None) -> Tensor:
    norm = NORMS[name]
    near = [entry for entry in boundaries(x, y) if target in {None, entry[0]}]
    _, gap, w = min(near, key=lambda entry: float(entry[1].abs() / norm.dual(entry[2])))
    move = norm.onto_hyperplane(w, gap[None], -x, 1 - x)
    from_input = norm.onto_hyperplane(w, (gap + (w * (x0 - x)).sum())[None], -x0, 1 - x0)
    bias = min(norm(move) / (norm(move) + norm(from_input)), torch.tensor(0.1, dtype=x.dtype))
    return ((1 - bias) * (x + 1.05 * move) + bias * (x0 + 1.05 * from_input)).clamp(0, 1)


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("towards", [None, 0, 1])
def test_fab_follows_its_algorithm(name: str, row: int, towards: int | None) -> None:
    x0, y = X[row : row + 1], int(Y[row])
    likeliest = [k for k in NET(x0)[0].argsort(descending=True).tolist() if k != y]
    target = None if towards is None else likeliest[towards]
    x, expected = x0, []
    for _ in range(6):
        expected += [x, next_point(x, x0, y, name, target)]
        x = expected[-1]
        x = x if NET(x).argmax() == y else x0 + 0.9 * (x - x0)
    if target is None:
        points = points_of(eb.FAB(steps=6, restarts=1), row, eb.Threat(name))[1:]
    else:
        points = points_of(eb.TargetedFAB(steps=6, targets=2), row, eb.Threat(name))[2 + 12 * likeliest.index(target) :]
    equal(points, expected, 1e-8)
    assert any(NET(point).argmax() != y for point in expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_restart_begins_at_half_the_distance_of_the_best_success(name: str) -> None:
    points = points_of(eb.FAB(steps=4, restarts=2), 0, eb.Threat(name))
    x0, norm = X[:1], NORMS[name]
    errors = [point for point in points[:9] if NET(point).argmax() != Y[0]]
    best = min(norm(point - x0).item() for point in errors)
    assert norm(points[9] - x0).item() == pytest.approx(best / 2, rel=1e-9)


def test_within_a_budget_a_row_with_a_success_is_left_alone_and_its_run_is_not_cut() -> None:
    free = eb.FAB(steps=5, restarts=3)(NET, X, Y, eb.Threat("l2"))
    eps = float(free.distance.median())
    model = Recorder(NET)
    found = eb.FAB(steps=5, restarts=3)(model, X, Y, eb.Threat("l2", eps * (1 + 1e-6)))
    once = eb.FAB(steps=5, restarts=1)(NET, X, Y, eb.Threat("l2", eps * (1 + 1e-6)))
    assert bool(once.success.any())
    assert not bool(once.success.all())
    assert torch.equal(found.queries[once.success], once.queries[once.success] - 1)  # its last point
    assert int(found.queries[~found.success].min()) > 30


def test_a_wrong_label_counts_whatever_class_is_headed_for() -> None:
    """Class 2 lies on the way to class 1, which is the likelier one at the input."""

    def net(x: Tensor) -> Tensor:
        s = 10 * (x.sum(1) - 1)
        return torch.stack((0 * s, s - 1, 5 * s - 4), 1)

    x, zero = torch.full((1, 2), 0.5, dtype=torch.float64), torch.tensor([0])
    found = eb.TargetedFAB(targets=1)(net, x, zero, eb.Threat("l2"))
    assert net(found.x).argmax().item() == 2
    assert found.distance.item() < 0.1 / 2**0.5
