"""Defects of other libraries, each held against the attacks here that could share it and that no trajectory test covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb

if TYPE_CHECKING:
    from epsball.attacks import Attack

X = 0.3 + 0.4 * torch.rand(6, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
SLOPES = torch.randn(3, 8, generator=torch.Generator().manual_seed(6), dtype=torch.float64)


def net(x: Tensor) -> Tensor:
    return x.flatten(1) @ SLOPES.T


Y = net(X).argmax(1)
NEAREST: list[tuple[Attack, str]] = [
    (eb.DeepFool(), "l2"),
    (eb.SuperDeepFool(), "l2"),
    (eb.FMN(steps=20), "linf"),
    (eb.CarliniWagner(steps=20, searches=4, rate=0.2, constant=10.0), "l2"),
    (eb.EAD(steps=20, searches=4, rate=0.05, constant=10.0), "l1"),
    (eb.ALMA(steps=30), "l2"),
    (eb.SigmaZero(steps=30), "l0"),
    (eb.HopSkipJump(steps=3, directions=20), "l2"),
]


@pytest.mark.parametrize(("attack", "norm"), NEAREST, ids=lambda value: getattr(value, "name", value))
def test_a_box_255_times_as_wide_makes_the_distance_255_times_as_long(attack: Attack, norm: str) -> None:
    narrow = attack(net, X, Y, eb.Threat(norm))
    wide = attack(lambda x: net(x / 255), 255 * X, Y, eb.Threat(norm, high=255.0))
    factor = 1 if norm == "l0" else 255
    assert wide.success.tolist() == narrow.success.tolist()
    assert bool(narrow.success.any())
    torch.testing.assert_close(wide.distance, factor * narrow.distance, rtol=2e-2, atol=0)


def test_spsa_towards_a_class_raises_it() -> None:
    target = (Y + 1) % 3
    before = net(X).gather(1, target[:, None]) - net(X).gather(1, Y[:, None])
    found = eb.SPSA(steps=20, pairs=16, length=0.05)(net, X, eb.Goal(target, targeted=True), eb.Threat("linf", eps=0.5))
    after = net(found.x).gather(1, target[:, None]) - net(found.x).gather(1, Y[:, None])
    assert bool((after >= before).all())
    assert int(found.success.sum()) >= 4
    assert net(found.x).argmax(1)[found.success].tolist() == target[found.success].tolist()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_square_costs_one_query_a_step_and_moves_in_every_norm(norm: str) -> None:
    asked: list[Tensor] = []

    def robust(x: Tensor) -> Tensor:
        asked.append(x)
        lead = 9 + x.mean((1, 2, 3))
        return torch.stack((lead, 0 * lead), 1)

    def spent(steps: int) -> list[int]:
        found = eb.Square(steps=steps)(robust, x, torch.zeros(2).long(), eb.Threat(norm, eps=0.4))
        queries: list[int] = found.queries.tolist()
        return queries

    x = torch.full((2, 1, 6, 6), 0.5)
    few, more = spent(6), spent(30)
    assert all(
        23 <= b - a <= 25 for a, b in zip(few, more, strict=True)
    )  # the end is asked again unless it was the last question
    assert any(not torch.equal(points, x[: len(points)]) for points in asked)


@pytest.mark.parametrize("steps", [1, 3, 9])
def test_fewer_than_ten_steps_are_a_search_too(steps: int) -> None:
    carlini_wagner = eb.CarliniWagner(steps=steps, searches=2)
    ead = eb.EAD(
        steps=steps, searches=2, constant=100.0
    )  # a smaller one moves nothing beyond β, and is given up for that
    for attack, norm in ((carlini_wagner, "l2"), (ead, "l1")):
        found = attack(net, X, Y, eb.Threat(norm))
        assert bool((found.gradients >= min(steps, 3)).all())


def test_rows_that_fall_at_the_first_step_cost_no_more() -> None:
    found = eb.APGD(steps=50)(net, X, Y, eb.Threat("linf", eps=0.5))
    assert bool(found.success.all())
    assert int(found.queries.max()) <= 5


def test_the_point_after_the_last_step_counts() -> None:
    def line(x: Tensor) -> Tensor:
        return torch.stack((0.29 - (x[:, 0] - 0.5), 0 * x[:, 0]), 1)

    x = torch.full((1, 1), 0.5, dtype=torch.float64)
    threat = eb.Threat("linf", eps=0.3)
    assert bool(eb.BIM(steps=3, rate=1 / 3)(line, x, torch.zeros(1).long(), threat).success)
    assert not bool(eb.BIM(steps=2, rate=1 / 3)(line, x, torch.zeros(1).long(), threat).success)
