"""Which answers count as errors: clear of rounding, inside the threat or a rounding outside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle

GREY = torch.full((3, 4), 0.5)
RIGHT = torch.zeros(3).long()


@pytest.mark.parametrize(("roundings", "counts"), [(-5.0, False), (0.0, False), (1.0, True), (8.0, True), (9.0, True)])
def test_an_error_counts_however_close_and_costs_a_query_more_within_rounding(roundings: float, counts: bool) -> None:  # noqa: FBT001 - parametrised
    lift = 1 - roundings * torch.finfo(torch.float32).eps

    def net(x: Tensor) -> Tensor:
        """Class 1 by so many roundings everywhere but at the grey input."""
        first = torch.where((x == 0.5).all(1), 2.0, lift)
        return torch.stack((first, torch.ones_like(first)), 1)

    found = eb.AdditiveNoise(draws=2)(net, GREY, RIGHT, eb.Threat("linf", 0.1))
    assert found.success.tolist() == [counts] * 3
    assert found.distance.isfinite().tolist() == [counts] * 3
    assert torch.equal(found.x, GREY) is not counts
    assert (
        found.queries.tolist() == [2 if roundings > 8 else 4 if counts else 3] * 3
    )  # the input, one draw or two, one again


def test_an_error_within_rounding_that_is_not_seen_again_does_not_count() -> None:
    leads = iter([2.0, -4 * torch.finfo(torch.float32).eps, 1.0, 1.0])

    def net(x: Tensor) -> Tensor:
        """Right but for the first draw, and that by rounding."""
        return torch.stack((0 * x.sum(1) + 1 + next(leads), 0 * x.sum(1) + 1), 1)

    found = eb.AdditiveNoise(draws=2)(net, GREY, RIGHT, eb.Threat("linf", 0.1))
    assert found.success.tolist() == [False] * 3
    assert found.queries.tolist() == [4] * 3


def test_a_budget_that_is_spent_leaves_no_second_query() -> None:
    leads = iter([2.0, -4 * torch.finfo(torch.float32).eps])

    def net(x: Tensor) -> Tensor:
        """Wrong by rounding at the last point that is asked about."""
        return torch.stack((0 * x.sum(1) + 1 + next(leads), 0 * x.sum(1) + 1), 1)

    found = eb.AdditiveNoise(draws=2)(net, GREY, RIGHT, eb.Threat("linf", 0.1), queries=2)
    assert found.success.tolist() == [True] * 3
    assert found.queries.tolist() == [2] * 3


def test_of_a_minimum_norm_search_a_clear_error_counts_before_a_nearer_one_within_rounding() -> None:
    def net(x: Tensor) -> Tensor:
        """Class 1 by one rounding at first, and clearly farther on."""
        moved = (x - 0.5).abs().amax(1)
        lead = torch.where(moved < 0.05, 1.0 + 0 * moved, torch.where(moved < 0.2, -4 * torch.finfo(x.dtype).eps, -1.0))
        return torch.stack((1 + lead, 1 + 0 * x.sum(1)), 1)

    class Walk(eb.Attack):
        """Three points in a row."""

        minimum_norm = True

        def run(self, ask: Oracle) -> Tensor:
            for step in (0.1, 0.3, 0.12):
                ask.met(ask.x0 + step)
            return ask.x0

    found = Walk()(net, GREY, RIGHT, eb.Threat("linf"))
    assert found.distance.tolist() == pytest.approx([0.3] * 3)


def test_a_clean_input_that_is_wrong_counts_however_close_the_call() -> None:
    almost = 1 - torch.finfo(torch.float32).eps
    found = eb.FGSM()(
        lambda x: torch.stack((almost + 0 * x.sum(1), 1 + 0 * x.sum(1)), 1), GREY, RIGHT, eb.Threat("linf", 0.1)
    )
    assert found.distance.tolist() == [0, 0, 0]
    assert found.relative.tolist() == [0, 0, 0]
    assert found.queries.tolist() == [1, 1, 1]


@pytest.mark.parametrize("attack", [eb.DeepFool(), eb.BinaryDeepFool(), eb.LBFGS()], ids=lambda a: type(a).__name__)
def test_a_clean_input_that_is_wrong_is_asked_once(attack: eb.Attack) -> None:
    found = attack(lambda x: torch.stack((x.sum(1), x.sum(1) + 1), 1), GREY, RIGHT, eb.Threat("l2"))
    assert found.distance.tolist() == [0, 0, 0]
    assert found.queries.tolist() == [1, 1, 1]


def test_after_a_call_too_close_the_search_goes_on() -> None:
    leads = iter([2.0, -4 * torch.finfo(torch.float32).eps, -1.0])

    def net(x: Tensor) -> Tensor:
        """Right at the input, wrong within rounding at the first draw, and clearly at the second."""
        return torch.stack((0 * x.sum(1) + 1 + next(leads), 0 * x.sum(1) + 1), 1)

    found = eb.AdditiveNoise(draws=2)(net, GREY, RIGHT, eb.Threat("linf", 0.1))
    assert found.success.tolist() == [True] * 3
    assert found.queries.tolist() == [3] * 3


@pytest.mark.parametrize(("beyond", "counts"), [(3e-5, True), (5e-5, False)])
@pytest.mark.parametrize("binary", [False, True], ids=["deepfool", "binary deepfool"])
def test_a_point_just_outside_the_budget_is_put_back_and_asked_again(
    beyond: float,
    counts: bool,  # noqa: FBT001 - parametrised
    binary: bool,  # noqa: FBT001 - parametrised
) -> None:
    """The boundary is 0.1 away, ε a little more, and the only point tried that much beyond ε; the input is 0.8 long."""
    x = GREY.double()
    attack: eb.Attack = eb.DeepFool(steps=1, overshoot=20 * beyond, halvings=0)
    if binary:
        attack = eb.BinaryDeepFool(steps=1, overshoot=20 * beyond)
    found = attack(lambda x: torch.stack((x.sum(1) - 1.6, 0 * x.sum(1)), 1), x, RIGHT, eb.Threat("linf", 0.1 + beyond))
    assert found.success.tolist() == [counts] * 3
    if counts:
        assert found.distance.tolist() == pytest.approx([0.1 + beyond] * 3, rel=1e-9)
        assert bool((found.distance <= 0.1 + beyond).all())


@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
def test_relative_is_the_distance_over_the_length_of_the_input(norm: str) -> None:
    x = torch.tensor([[0.5, 0.5, 0.25, 0.0], [0.125, 0.5, 0.5, 0.5], [0.25, 0.5, 1.0, 0.25]], dtype=torch.float64)
    budget = {"linf": 0.25, "l2": 0.5, "l1": 1.0, "l0": 2.0}[norm]
    found = _moved(norm, x, budget)
    lengths = {
        "linf": [0.5, 0.5, 1.0],
        "l2": [0.75, (0.75 + 1 / 64) ** 0.5, (1 + 1 / 4 + 1 / 8) ** 0.5],
        "l1": [1.25, 1.625, 2.0],
        "l0": [3.0, 4.0, 4.0],
    }[norm]
    assert bool(found.success.all())
    moved = found.x - x
    assert found.distance.tolist() == pytest.approx(eb.Threat(norm).norm(moved).tolist())
    assert found.relative.tolist() == pytest.approx(
        [d / n for d, n in zip(found.distance.tolist(), lengths, strict=True)]
    )
    assert found.relative.dtype == torch.float64


def _moved(norm: str, x: Tensor, budget: float) -> eb.Found:
    """Every point but the first one asked is an error."""
    calls = 0

    def net(points: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        lead = 2.0 if calls == 1 else -2.0
        return torch.stack((lead + 0 * points.sum(1), 0 * points.sum(1)), 1)

    return eb.AdditiveNoise(draws=1)(net, x, RIGHT, eb.Threat(norm, budget))


def test_relative_to_an_empty_input_is_infinite_and_to_nothing_found_too() -> None:
    found = _moved("l2", torch.zeros(3, 4), 0.5)
    assert bool(found.success.all())
    assert found.relative.tolist() == [torch.inf] * 3
    nothing = eb.FGSM()(lambda x: torch.stack((1 + x.sum(1), 0 * x.sum(1)), 1), GREY, RIGHT, eb.Threat("l2", 0.1))
    assert nothing.relative.tolist() == nothing.distance.tolist() == [torch.inf] * 3
