"""Masks: features with equal limits never move, in every attack and norm, and the others as if there were no more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from contract.problems import CHEAP
from epsball.attacks.registry import make_attack, registry
from epsball.geometry import NORMS
from epsball.oracle.batching import Batching

if TYPE_CHECKING:
    from collections.abc import Callable

N = 12
DRAWS = torch.Generator().manual_seed(0)
X = 0.4 + 0.2 * torch.rand(N, 1, 4, 4, generator=DRAWS)
FREE = torch.rand(N, 1, 4, 4, generator=DRAWS) < 0.5
FREE[:, :, 0, 0] = True
LOW, HIGH = torch.where(FREE, 0.0, X), torch.where(FREE, 1.0, X)
WEIGHT = torch.randn(2, 16, generator=DRAWS)
BUDGETS = {"linf": 0.2, "l2": 0.6, "l1": 2.0, "l0": 6.0}
ATTACKS = {name: CHEAP.get(name) or make_attack(name) for name in registry()}
CUTS = Batching(5, channels_last=False, block_size=7)
CASES = [(name, norm) for name, attack in ATTACKS.items() for norm in NORMS if norm in attack.norms]


class Line(nn.Module):
    """Two classes with one straight boundary."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - 0.5) @ WEIGHT.T


Y = Line()(X).argmax(1)


def threat_of(norm: str, attack: eb.Attack) -> eb.Threat:
    return eb.Threat(norm, torch.inf if attack.minimum_norm else BUDGETS[norm], LOW, HIGH)


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_frozen_features_never_move(name: str, norm: str) -> None:
    attack = ATTACKS[name]
    found = attack(Line(), X, Y, threat_of(norm, attack), queries=200, batching=CUTS)
    moved = found.x != X
    assert not bool((moved & ~FREE).any())
    assert bool(((found.x >= LOW) & (found.x <= HIGH)).all())
    assert bool((Line()(found.x).argmax(1) != Y)[found.success].all())
    assert bool(found.success.any()) or attack.may_fail


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("attack", [eb.DeepFool(), eb.LBFGS()])
def test_the_nearest_error_is_that_among_the_free_features(norm: str, attack: eb.Attack) -> None:
    dual: dict[str, Callable[[Tensor], Tensor]] = {
        "linf": lambda w: w.abs().sum(1),
        "l2": lambda w: w.norm(dim=1),
        "l1": lambda w: w.abs().amax(1),
    }
    if isinstance(attack, eb.LBFGS) and norm != "l2":
        pytest.skip("it minimises the length in l2 whatever the threat")
    w = (WEIGHT[0] - WEIGHT[1]) * FREE.flatten(1)
    exact = Line()(X).diff(dim=1).squeeze(1).abs() / dual[norm](w)
    found = attack(Line(), X, Y, threat_of(norm, attack))
    inside = found.success & (exact < 0.3)  # beyond that the box cuts
    assert int(inside.sum()) >= N // 2
    assert bool((found.distance[inside] <= 1.05 * exact[inside]).all())


@pytest.mark.parametrize("norm", NORMS)
def test_a_mask_that_all_inputs_share_works_in_an_evaluation(norm: str) -> None:
    free = torch.zeros(1, 4, 4)
    free[:, :2] = 1
    x, corner = torch.where(free > 0, X, 0.25), 0.25 * (1 - free)
    threat = eb.Threat(norm, BUDGETS[norm], corner, torch.where(free > 0, 1.0, 0.25))
    run = eb.evaluate(Line(), (x, Line()(x).argmax(1)), threat, suite=[eb.PGD(steps=5)])
    assert run.clean_accuracy == 1
    assert run.robust_accuracy() < 1


def test_limits_of_each_sample_are_not_for_evaluations() -> None:
    with pytest.raises(eb.InputError, match="low or high was given per sample"):
        eb.evaluate(Line(), (X, Y), eb.Threat("linf", 0.1, LOW, HIGH), suite=[eb.FGSM()])


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (HIGH, LOW, "expected low below high, and equal to it only where a feature is frozen"),
        (X, X, "expected low below high"),
        (LOW, torch.full_like(HIGH, torch.inf), "expected finite limits"),
        (torch.zeros(3), torch.ones(2), "limits of one shape"),
        (torch.zeros(9, 1, 4, 4), 1.0, r"low was given with shape \(9, 1, 4, 4\) for inputs of shape \(12, 1, 4, 4\)"),
        (0.0, torch.ones(5), r"high was given with shape \(5,\)"),
        (torch.full((16, 99), 0.5), 0.5 + torch.rand(16, 99), "linf is more than half the data range"),
    ],
)
def test_limits_that_fit_nothing_are_a_short_sentence(low: Any, high: Any, words: str) -> None:
    with pytest.raises(eb.InputError, match=words) as caught:
        eb.FGSM()(Line(), X, Y, eb.Threat("linf", 0.6 if "half" in words else 0.1, low, high))
    assert len(str(caught.value)) < 400
    assert "tensor(" not in str(caught.value)


def test_no_message_shows_a_whole_array() -> None:
    many = torch.linspace(-1, 1, 2000)
    for ask in (
        lambda: eb.Threat("linf", many),
        lambda: eb.wrap(Line(), mean=many * torch.inf),
        lambda: eb.wrap(Line(), std=many.tolist()),
        lambda: eb.FGSM()(Line(), X, Y, eb.Threat("linf", 0.1), ids=["a"] * 999),  # type: ignore[list-item]
    ):
        with pytest.raises(eb.InputError) as caught:
            ask()
        assert len(str(caught.value)) < 250
