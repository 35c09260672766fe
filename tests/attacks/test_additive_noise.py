"""Draws of noise: each a new point of the ball, a function of seed, sample and number only."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.randomness import Stream
from recording import Recorder, middle

X = middle(6, 12)
BUDGETS = {"linf": 0.3, "l2": 0.4, "l1": 0.5}


def robust(x: Tensor) -> Tensor:
    return torch.stack((100 + x.sum(1), x.sum(1)), 1)


def draws(norm: str, attack: eb.Attack, seed: int = 0) -> list[Tensor]:
    model = Recorder(robust)
    attack(model, X, torch.zeros(6).long(), eb.Threat(norm, BUDGETS[norm]), seed=seed)
    assert torch.equal(model.points[0], X)
    return model.points[1:]


@pytest.mark.parametrize("norm", BUDGETS)
def test_draws_are_distinct_points_of_the_ball(norm: str) -> None:
    points = torch.stack(draws(norm, eb.AdditiveNoise(draws=9))[:9])
    lengths = (points - X).norm(p={"linf": torch.inf, "l2": 2.0, "l1": 1.0}[norm], dim=2)
    assert lengths.unique().numel() == 9 * 6
    assert bool((lengths <= BUDGETS[norm]).all())
    # a uniform point of a ball in 12 dimensions is nearer than 0.7 of the radius in 1.4 of 100 draws
    assert float((lengths > 0.7 * BUDGETS[norm]).double().mean()) > 0.9
    away = (points - X).flatten(0, 1)
    assert away.mean(0).abs().max().item() < 0.5 * away.abs().mean().item()
    assert 0.3 < float((away > 0).double().mean()) < 0.7


def test_the_draws_of_a_seed_are_numbered() -> None:
    points = draws("linf", eb.AdditiveNoise(draws=3), seed=11)
    for number, point in enumerate(points[:3]):
        unit = 2 * Stream(11, torch.arange(6), number).uniform(12) - 1
        torch.testing.assert_close(point, X + 0.3 * unit, rtol=0, atol=1e-12)


def test_the_first_draw_that_is_an_error_counts() -> None:
    def net(x: Tensor) -> Tensor:
        """Class 1 where the first feature grew by more than 0.2."""
        lead = X[0, 0] + 0.2 - x[:, 0]
        return torch.stack((lead, -lead), 1)

    x = X[:1].expand(40, 12).contiguous()
    model = Recorder(net)
    found = eb.AdditiveNoise(draws=20)(model, x, torch.zeros(40).long(), eb.Threat("linf", 0.3), seed=2)
    assert 30 < int(found.success.sum()) <= 40
    for row in range(40):
        if not found.success[row]:
            continue
        tries = 0.3 * torch.stack([2 * Stream(2, torch.tensor([row]), n).uniform(12)[0] - 1 for n in range(20)])
        first = int((tries[:, 0] > 0.2).nonzero()[0])
        torch.testing.assert_close(found.x[row], x[row] + tries[first], rtol=0, atol=1e-12)
        assert found.queries[row] == 2 + first
    assert found.gradients.tolist() == [0] * 40
