"""JSMA's pair rule against a search over all pairs and both directions, and the class that it heads for."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import SmallNet, digits
from trajectories import NET, X, Y, points_of


def best_pair(x: Tensor, x0: Tensor, target: int) -> Tensor:
    """The next point by the paper's rule, every pair of moves tried."""
    jacobian = torch.autograd.functional.jacobian(lambda p: NET(p)[0], x)[:, 0]  # type: ignore[no-untyped-call] # PyTorch does not annotate it
    alpha, beta = jacobian[target], jacobian.sum(0) - jacobian[target]
    moves = [(i, way) for i in range(6) for way in (1, -1) if x[0, i] == x0[0, i]]
    best, chosen = 0.0, None
    for (p, one), (q, other) in itertools.combinations(moves, 2):
        a, b = one * alpha[p] + other * alpha[q], one * beta[p] + other * beta[q]
        if p != q and a > 0 and b < 0 and float(-a * b) > best:
            best, chosen = float(-a * b), ((p, one), (q, other))
    assert chosen is not None
    x = x.clone()
    for i, way in chosen:
        x[0, i] = 1 if way > 0 else 0
    return x


@pytest.mark.parametrize("row", range(3))
def test_jsma_moves_the_most_salient_pair_to_its_limits(row: int) -> None:
    x0, y = X[row : row + 1], int(Y[row])
    target = max({0, 1, 2} - {y}, key=lambda k: float(NET(x0)[0, k]))
    points = points_of(eb.JSMA(), row, eb.Threat("l0"))
    assert torch.equal(points[2], x0)
    x = x0
    for point in points[3:4]:
        x = best_pair(x, x0, target)
        torch.testing.assert_close(point, x)


def test_jsma_fools_most_rows_of_a_small_network_in_pairs() -> None:
    net, x = SmallNet().double().eval(), digits(30, (1, 8, 8))
    y = net(x).argmax(1)
    found = eb.JSMA()(net, x, y, eb.Threat("l0"))
    assert found.success.double().mean().item() >= 0.9
    assert {int(d) % 2 for d in found.distance[found.success]} == {0}
    assert found.distance.median().item() <= 12


def test_jsma_reaches_a_given_class_of_few_or_many() -> None:
    for classes in (2, 12):
        net, x = SmallNet(classes=classes).double().eval(), digits(20, (1, 8, 8))
        y = net(x).argmax(1)
        found = eb.JSMA()(net, x, eb.Goal((y + 1) % classes, targeted=True), eb.Threat("l0"))
        assert found.success.double().mean().item() > 0.5
        assert bool((net(found.x).argmax(1) == (y + 1) % classes)[found.success].all())


def test_without_a_pair_that_helps_one_class_and_harms_the_others_a_row_ends() -> None:
    def net(x: Tensor) -> Tensor:
        s = x.sum(1)
        return torch.stack((s, 1.5 * s - 3), 1)

    found = eb.JSMA()(net, torch.full((2, 3), 0.5, dtype=torch.float64), torch.zeros(2).long(), eb.Threat("l0"))
    assert not bool(found.success.any())
    assert found.gradients.tolist() == [2, 2]
