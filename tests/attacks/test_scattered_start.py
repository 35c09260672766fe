"""Starting points in which few features have changed by much."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import digits

asked: list[Tensor] = []


def watching(x: Tensor) -> Tensor:
    asked.append(x.detach().clone())
    total = x.flatten(1).sum(1)
    return torch.stack((total, -total), 1)


@pytest.mark.parametrize("norm", ["l2", "l1", "linf"])
def test_few_features_move_by_the_same_amount_towards_the_farther_limit_to_the_edge_of_the_ball(norm: str) -> None:
    x = 0.5 + 0.2 * (digits(6, (1, 8, 8)) - 0.5)
    eps, share = 0.3, 0.1
    asked.clear()
    threat = eb.Threat(norm, eps)
    eb.PGD(steps=1, scatter=share).maximise(watching, x, torch.zeros(6).long(), threat)
    delta = (asked[0] - x).flatten(1)
    moved = delta.abs() > 1e-9
    assert int(moved.sum(1).min()) >= 1
    assert moved.double().mean().item() == pytest.approx(share, abs=0.06)
    assert torch.allclose(threat.norm(delta.double()), torch.full((6,), eps, dtype=torch.float64), atol=1e-6)
    for change, where, start in zip(delta, moved, x.flatten(1), strict=True):
        assert torch.allclose(change[where].abs(), change[where].abs().max().expand(int(where.sum())), atol=1e-6)
        assert torch.equal(change[where] > 0, start[where] <= 0.5)


def test_a_row_begins_at_its_own_features_whatever_stands_beside_it() -> None:
    x, y = digits(4, (1, 8, 8)), torch.zeros(4).long()
    attack = eb.PGD(steps=1, scatter=0.1)
    whole = attack.maximise(watching, x, y, eb.Threat("l2", 0.3), seed=5)
    alone = attack.maximise(watching, x[2:3], y[2:3], eb.Threat("l2", 0.3), seed=5, ids=[2])
    assert torch.equal(whole[2:3], alone)


def test_another_starting_point_is_not_taken() -> None:
    assert eb.PGD().accepts_start
    assert not eb.PGD(scatter=0.1).accepts_start
