"""What a search may cost, where it begins, and that its last point is not asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import SmallNet, digits
from scripted import MODEL, THREAT, X, Y, attacked

if TYPE_CHECKING:
    from epsball.attacks.base import Attack
    from epsball.oracle.oracle import Oracle


@pytest.mark.parametrize("budget", [1, 2, 7, 40])
@pytest.mark.parametrize(
    "attack",
    [eb.PGD(), eb.Restarts(eb.PGD(steps=4), 3), eb.AdditiveNoise(60), eb.DeepFool(), eb.LBFGS(steps=10, searches=3)],
    ids=["pgd", "restarts", "noise", "deepfool", "lbfgs"],
)
def test_a_budget_of_queries_is_never_exceeded(attack: Attack, budget: int) -> None:
    net, x = SmallNet().eval(), digits(10, (1, 8, 8), dtype=torch.float32)
    y = net(x).argmax(1)
    threat = eb.Threat("l2") if attack.minimum_norm else eb.Threat("l2", 0.3)
    found = attack(net, x, y, threat, queries=budget)
    free = attack(net, x, y, threat)
    assert int(found.queries.max()) == min(budget, int(free.queries.max()))
    enough = free.queries <= budget
    assert torch.equal(found.success[enough], free.success[enough])
    torch.testing.assert_close(found.x[enough], free.x[enough])


def test_of_several_points_only_the_first_are_asked_that_the_budget_allows() -> None:
    answers: list[Tensor] = []

    def script(ask: Oracle) -> Tensor:
        answers.append(ask.scores(ask.x0[:, None].expand(-1, 6, *ask.x0.shape[1:])))
        return ask.x0

    found = attacked(script, queries=5)
    assert found.queries.tolist() == [5] * 28  # one for the inputs, four of six points
    assert bool((answers[0][:, :4] != 0).any(2).all())
    assert bool((answers[0][:, 4:] == 0).all())


@pytest.mark.parametrize("queries", [0, -3, 2.5, True, "many"])
def test_a_budget_that_is_none_is_refused(queries: Any) -> None:
    with pytest.raises(eb.InputError, match="queries was given as"):
        eb.PGD()(MODEL, X, Y, THREAT, queries=queries)


def test_starting_points_replace_the_random_start_and_are_put_into_the_threat() -> None:
    begun: list[Tensor] = []

    def script(ask: Oracle) -> Tensor:
        begun.append(ask.start(random=True))
        return begun[-1]

    far = torch.ones_like(X)
    attacked(script, start=far)
    torch.testing.assert_close(begun[0], (X + 0.05).clamp_max(1))
    with pytest.raises(eb.InputError, match=r"expected points of the shape of the inputs, \(28, 1, 4, 4\)"):
        attacked(script, start=far[:3])
    with pytest.raises(eb.InputError, match="starting points hold NaN or infinite values"):
        attacked(script, start=far / 0)
    with pytest.raises(eb.InputError, match="FGSM was given starting points"):
        eb.FGSM()(MODEL, X, Y, THREAT, start=far)


def test_a_search_that_begins_at_a_success_ends_there() -> None:
    first = eb.PGD()(MODEL, X, Y, THREAT)
    again = eb.PGD()(MODEL, X, Y, THREAT, start=first.x)
    assert torch.equal(again.success, again.success | first.success)
    assert bool((again.queries[first.success] == 2).all())


@pytest.mark.parametrize(
    ("attack", "asked"),
    [
        (eb.FGSM(), 2),  # the input with its gradient, the result
        (eb.AdditiveNoise(7), 1 + 7),
        (eb.PGD(steps=5), 1 + 5 + 1),
        (eb.Restarts(eb.PGD(steps=5), 3), 1 + 3 * (5 + 1)),
        (eb.Worst(eb.FGSM(), eb.AdditiveNoise(4)), 2 + 4),
        (eb.Targeted(eb.PGD(steps=5), 0), 1 + 5 + 1),
    ],
    ids=["fgsm", "noise", "pgd", "restarts", "worst", "targeted"],
)
def test_the_last_point_asked_is_not_asked_again(attack: Attack, asked: int) -> None:
    own = Y != 0
    found = attack(MODEL, X[own], Y[own], eb.Threat("linf", 0.0001))
    assert not bool(found.success.any())
    assert int(found.queries.max()) == asked


def test_a_last_point_that_was_changed_in_place_is_asked_again() -> None:
    def script(ask: Oracle) -> Tensor:
        x = ask.x0.clone()
        ask.met(x)
        x += 0.04
        return x

    found = attacked(script)
    expected = (MODEL(X + 0.04).argmax(1) != Y) & bool((X + 0.04 <= 1).all())
    assert set(found.queries.tolist()) == {3}
    assert bool(found.success[expected].all())
