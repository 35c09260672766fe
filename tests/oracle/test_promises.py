"""What holds whatever the micro-batches, the budget and the nesting: budgets, successes, goals, rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import Affine, SmallNet, digits
from epsball.losses import cross_entropy
from epsball.oracle.batching import Batching
from scripted import Scripted

if TYPE_CHECKING:
    from epsball.attacks.base import Attack
    from epsball.oracle.oracle import Oracle

MODEL = Affine((1, 4, 4), 4)
X = digits(12, (1, 4, 4))
Y = MODEL(X).argmax(1).detach()
SIZES = [1, 2, 3, 1000]


def batching(size: int, *, bfloat16: bool = False) -> Batching:
    return Batching(batch_size=size, channels_last=False, block_size=1000, bfloat16=bfloat16)


def corners(ask: Oracle, m: int) -> Tensor:
    """Points so little outside the ball that rounding alone may have moved them there."""
    signs = torch.stack([(ask.draw().uniform(16) < 0.5).to(ask.x0) * 2 - 1 for _ in range(m)], 1)
    step = ask.eps[:, None, None, None, None] * (1 + 3e-6)
    return ask.threat.clip(ask.x0[:, None] + step * signs.reshape(len(ask.x0), m, 1, 4, 4))


@pytest.mark.parametrize("queries", [3, 5, 8, 17, None])
def test_a_budget_holds_for_several_points_a_row_that_must_be_asked_again(queries: int | None) -> None:
    found, seen = [], 0

    def counted(x: Tensor) -> Tensor:
        nonlocal seen
        seen += len(x)
        return MODEL(x)  # type: ignore[no-any-return] # a module returns anything

    def script(ask: Oracle) -> Tensor:
        ask.met(corners(ask, 8))
        return ask.x0

    for size in SIZES:
        seen = 0
        found.append(Scripted(script)(counted, X, Y, eb.Threat("linf", 0.3), queries=queries, batching=batching(size)))
        assert int(found[-1].queries.sum()) == seen
        assert queries is None or int(found[-1].queries.max()) <= queries
        assert torch.equal(found[-1].queries, found[0].queries)
        assert torch.equal(found[-1].success, found[0].success)
    assert bool(found[0].success.any()) or queries == 3


@pytest.mark.parametrize("size", SIZES)
def test_success_of_several_points_is_any_of_them_in_any_micro_batch(size: int) -> None:
    def script(ask: Oracle) -> Tensor:
        x = torch.stack([ask.threat.sample(ask.x0, ask.draw()) for _ in range(8)], 1)
        decisions = ask.met(x)
        assert torch.equal(ask.success, decisions.any(1))
        assert bool(decisions.any())
        return ask.x0

    Scripted(script)(MODEL, X, Y, eb.Threat("linf", 0.5), batching=batching(size))


def test_rows_that_are_not_queried_are_no_successes() -> None:
    def script(ask: Oracle) -> Tensor:
        first = ask.met((ask.x0 + 0.5) % 1)
        again = ask.met((ask.x0 + 0.5) % 1)
        assert bool(first.any())
        assert not bool((first & again).any())
        assert torch.equal(ask.met(ask.x0), ask.met(ask.x0[:, None])[:, 0])
        return ask.x0

    Scripted(script)(MODEL, X, Y, eb.Threat("linf", 0.5))


def test_the_last_point_asked_under_another_goal_is_asked_again() -> None:
    def script(ask: Oracle) -> Tensor:
        x = ask.threat.furthest(ask.gradient(ask.x0, cross_entropy)[1], ask.x0)
        with ask.aim(eb.Goal((ask.labels + 1) % 4, targeted=True)):
            ask.met(x)
        return x

    found = Scripted(script)(MODEL, X, Y, eb.Threat("linf", 0.2))
    assert torch.equal(found.success, eb.FGSM()(MODEL, X, Y, eb.Threat("linf", 0.2)).success)


def test_restarts_towards_a_class_keep_the_start_that_came_nearest() -> None:
    net, x = SmallNet().double().eval(), digits(30, (1, 8, 8))
    y = net(x).argmax(1).detach()
    k = (int(y.mode().values) + 1) % 5
    x, y = x[y != k], y[y != k]
    goal, threat, attack = eb.Goal(torch.full_like(y, k), targeted=True), eb.Threat("linf", 0.2), eb.PGD(steps=3)

    def left(made: Attack, target: Tensor | eb.Goal) -> float:
        return float(-cross_entropy(net(made.maximise(net, x, target, threat)), goal).detach().mean())

    several = left(eb.Targeted(eb.Restarts(attack, 5), k), y)
    assert several == left(eb.Restarts(attack, 5), goal)
    assert several < left(eb.Targeted(attack, k), y)


@pytest.mark.parametrize("swapped", [False, True])
def test_an_ensemble_moves_no_input_that_is_wrong_already(*, swapped: bool) -> None:
    y = torch.where(torch.arange(12) < 3, (Y + 1) % 4, Y)
    own = y != 2
    members = [eb.Targeted(eb.PGD(steps=3), 2), eb.PGD(steps=3)]
    found = eb.Worst(*(members[::-1] if swapped else members))(MODEL, X[own], y[own], eb.Threat("linf", 0.2))
    wrong = MODEL(X[own]).argmax(1) != y[own]
    assert bool(wrong.any())
    assert bool((found.distance[wrong] == 0).all())


def test_a_maximisation_returns_every_row_whatever_is_retired() -> None:
    def script(ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0)
        for _ in ask.steps(3):
            ask.retire(ask.labels < 3)
            s.x = ask.threat.ascend(s.x, ask.gradient(s.x, cross_entropy)[1], 0.05, ask.x0)
        return s.x

    attack, threat = Scripted(script), eb.Threat("linf", 0.1)
    alone = attack.maximise(MODEL, X, Y, threat)
    assert alone.shape == X.shape
    assert bool((alone != X).flatten(1).any(1).all())
    assert eb.Worst(eb.PGD(steps=2), attack).maximise(MODEL, X, Y, threat).shape == X.shape


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": np.int64(0)}, "above 0"),
        ({"steps": np.int64(-3)}, "above 0"),
        ({"steps": 2.5}, "whole number"),
        ({"steps": True}, "whole number"),
        ({"steps": None}, "whole number"),
        ({"rate": np.float32(-1)}, "above 0"),
        ({"rate": torch.tensor(-1.0)}, "a number"),
        ({"rate": "one twentieth"}, "a number"),
        ({"random_start": "no"}, "True or False"),
    ],
)
def test_settings_that_are_no_numbers_are_one_sentence(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(eb.InputError, match=words):
        eb.PGD(**settings)(MODEL, X, Y, eb.Threat("linf", 0.1))


def test_whole_numbers_of_other_libraries_are_welcome() -> None:
    eb.PGD(steps=int(np.int64(2)))(MODEL, X, Y, eb.Threat("linf", 0.1), queries=int(np.int64(5)))
    assert int(eb.PGD()(MODEL, X, Y, eb.Threat("linf", 0.001), queries=np.int64(5)).queries.max()) == 5  # type: ignore[arg-type] # what a table holds
