"""A threat's verbs against values worked out by hand, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.threat import replace_eps

X = torch.tensor([[0.5, 0.9, 0.1, 0.5]], dtype=torch.float64)
G = torch.tensor([[3.0, 2.0, -1.0, 0.0]], dtype=torch.float64)


def assert_rows(made: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(made, torch.tensor([expected], dtype=made.dtype), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("norm", "eps", "expected"),
    [
        ("linf", 0.2, [0.7, 1.0, 0.0, 0.5]),
        ("l1", 0.4, [0.9, 0.9, 0.1, 0.5]),
        ("l1", 0.65, [1.0, 1.0, 0.05, 0.5]),
        ("l2", 0.1, [0.5 + 0.3 / 14**0.5, 0.9 + 0.2 / 14**0.5, 0.1 - 0.1 / 14**0.5, 0.5]),
        ("l2", 9.0, [1.0, 1.0, 0.0, 0.5]),
        ("l0", 1.0, [1.0, 0.9, 0.1, 0.5]),
    ],
)
def test_the_furthest_point(norm: str, eps: float, expected: list[float]) -> None:
    assert_rows(eb.Threat(norm, eps).furthest(G, X), expected)


@pytest.mark.parametrize(
    ("norm", "length", "expected"),
    [
        ("linf", 0.15, [0.65, 1.0, 0.0, 0.5]),
        ("linf", 0.9, [0.7, 1.0, 0.0, 0.5]),
        ("l1", 0.05, [0.55, 0.9, 0.1, 0.5]),
        ("l1", 0.9, [0.7, 0.9, 0.1, 0.5]),
    ],
)
def test_a_step_is_projected_onto_ball_and_box(norm: str, length: float, expected: list[float]) -> None:
    threat = eb.Threat(norm, 0.2)
    assert_rows(threat.ascend(X, G, length, X), expected)
    assert_rows(threat.ascend(X, G, torch.tensor([length], dtype=torch.float64), X), expected)


def test_a_projection_may_be_asked_for_another_budget() -> None:
    threat, far = eb.Threat("linf", 0.2), torch.tensor([[0.9, 2.0, -1.0, 0.5]], dtype=torch.float64)
    assert_rows(threat.project(far, X), [0.7, 1.0, 0.0, 0.5])
    assert_rows(threat.project(far, X, 0.1), [0.6, 1.0, 0.0, 0.5])
    assert_rows(threat.project(far, X, torch.tensor([0.05])), [0.55, 0.95, 0.05, 0.5])


def test_a_budget_is_shortened_by_what_rounding_can_add() -> None:
    x = torch.zeros(1, 16)
    unit = torch.finfo(torch.float32).eps
    assert eb.Threat("linf", 0.1).budget(x) == pytest.approx(0.1 - unit, rel=1e-12)
    assert eb.Threat("linf", 0.1, 0, 255).budget(x) == pytest.approx(0.1 - 255 * unit, rel=1e-12)
    assert eb.Threat("linf", 0.1, -2, 1).budget(x) == pytest.approx(0.1 - 2 * unit, rel=1e-12)
    assert eb.Threat("l2", 0.1).budget(x) == pytest.approx(0.1 * (1 - 16 * unit) - 4 * unit, rel=1e-12)
    assert eb.Threat("l1", 0.1).budget(x) == pytest.approx(0.1 * (1 - 16 * unit) - 16 * unit, rel=1e-12)
    assert eb.Threat("l0", 3).budget(x) == 3
    assert eb.Threat("linf", 1e-9).budget(x) == 0
    assert eb.Threat("linf", 0.1).budget(x, 0.3) == pytest.approx(0.3 - unit, rel=1e-12)
    double = torch.finfo(torch.float64).eps
    assert eb.Threat("l2", 0.1).budget(x.double()) == pytest.approx(0.1 * (1 - 16 * double) - 4 * double, rel=1e-15)
    each = eb.Threat("linf", torch.tensor([0.1, 1e-9])).budget(x.expand(2, 16))
    assert isinstance(each, Tensor)
    assert each.tolist() == pytest.approx([0.1 - unit, 0])
    assert each.dtype == torch.float32


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        ("l2", [0.5 - 1.2 / 7, 0.9 - 0.8 / 7, 0.1 + 0.4 / 7, 0.5]),
        ("linf", [0.5 - 0.4 / 3, 0.9 - 0.4 / 3, 0.1 + 0.4 / 3, 0.5]),
        ("l1", [0.5 - 0.8 / 3, 0.9, 0.1, 0.5]),
        ("l0", [0.5, 0.5, 0.1, 0.5]),
    ],
)
def test_a_step_onto_a_hyperplane(norm: str, expected: list[float]) -> None:
    assert_rows(eb.Threat(norm).cross(X, G, torch.tensor([0.8], dtype=torch.float64)), expected)


def test_only_a_boxed_step_makes_up_for_what_the_box_takes() -> None:
    b = torch.tensor([1.8], dtype=torch.float64)
    assert_rows(eb.Threat("l1").cross(X, G, b), [0.0, 0.75, 0.1, 0.5])
    assert_rows(eb.Threat("l1").cross(X, G, b, boxed=True), [0.0, 0.75, 0.1, 0.5])
    assert_rows(eb.Threat("l1").cross(X, G, b, boxed=False), [0.0, 0.9, 0.1, 0.5])
    up = torch.tensor([-0.9], dtype=torch.float64)
    assert_rows(eb.Threat("linf").cross(X, G, up), [0.65, 1.0, 0.0, 0.5])
    assert_rows(eb.Threat("linf").cross(X, G, up, boxed=True), [0.5 + 0.2, 1.0, 0.0, 0.5])


def test_distance_membership_and_reach() -> None:
    threat = eb.Threat("linf", 0.25)
    at = torch.tensor([[0.75, 0.5], [0.76, 0.5], [0.5, 0.5]])
    x0 = torch.tensor([[0.5, 0.5]]).expand(3, 2)
    assert threat.distance(at, x0).tolist() == pytest.approx([0.25, 0.26, 0])
    assert threat.contains(at, x0).tolist() == [True, False, True]
    assert eb.Threat("l1", 0.3, 0.5, 0.75).contains(at, x0).tolist() == [True, False, True]
    assert eb.Threat("l1", 0.3, 0.51, 0.8).contains(at, x0).tolist() == [False, False, False]
    assert eb.Threat("linf", torch.tensor([0.2, 0.3, 0.0])).contains(at, x0).tolist() == [False, True, True]
    assert eb.Threat("linf").reach(X).item() == pytest.approx(0.9)
    assert eb.Threat("l1").reach(X).item() == pytest.approx(0.5 + 0.9 + 0.9 + 0.5)


def test_rows_of_a_threat_are_threats() -> None:
    threat = eb.Threat("l2", torch.tensor([0.1, 0.2, 0.3]), -1, 2)
    part = threat[torch.tensor([2, 0])]
    assert isinstance(part.eps, Tensor)
    assert part.eps.tolist() == pytest.approx([0.3, 0.1])
    assert (part.norm, part.low, part.high) == (eb.l2, -1, 2)
    for one in (eb.Threat("l2", 0.5), eb.Threat("l2", torch.tensor(0.5))):
        assert one[torch.tensor([0])] is one
    assert replace_eps(threat, 0.7) == eb.Threat("l2", 0.7, -1, 2)
    assert [eb.Threat("l2", eps).bounded for eps in (1.0, math.inf)] == [True, False]
    assert not eb.Threat("l2", torch.tensor([1.0, math.inf])).bounded


def test_what_is_no_threat_is_refused() -> None:
    for eps in (0.5, torch.tensor([0.1, 0.5]), math.inf, 0.0):
        assert eb.Threat("linf", eps).norm is eb.linf
    assert eb.Threat("linf", 100, 0, 255).eps == 100
    assert eb.Threat("L2", 3).norm is eb.l2
    for wrong in (0.51, torch.tensor([0.1, 0.51])):
        with pytest.raises(eb.InputError, match="more than half the data range"):
            eb.Threat("linf", wrong)
    with pytest.raises(eb.InputError, match="not negative"):
        eb.Threat("l2", torch.tensor([0.1, -0.1]))
    with pytest.raises(eb.InputError, match="not negative"):
        eb.Threat("l2", torch.tensor(math.nan))
    for low, high in ((1.0, 1.0), (torch.tensor([0.0, 1.0]), 0.5)):
        with pytest.raises(eb.InputError, match="low below high"):
            eb.Threat("l2", 0.1, low, high)
    for low, high in ((-math.inf, 1.0), (0.0, math.inf)):
        with pytest.raises(eb.InputError, match="finite limits"):
            eb.Threat("l2", 0.1, low, high)
    with pytest.raises(eb.InputError, match="expected one of linf, l2, l1, l0"):
        eb.Threat("l3", 0.1)


def test_a_set_around_other_inputs_or_with_another_budget_has_other_sides() -> None:
    x, far = X.float(), torch.ones(1, 4)
    threat, fresh = eb.Threat("linf", 0.1).on(x), eb.Threat("linf", 0.1)
    for centre, eps in ((x, None), (x, 0.2), (x, torch.tensor([0.05])), (x / 2, None), (x, None)):
        for _ in range(2):
            assert torch.equal(threat.project(far, centre, eps), fresh.project(far, centre, eps))
    x.mul_(0.5)
    assert torch.equal(threat.project(far, x), fresh.project(far, x))
    tighter = replace_eps(threat, 0.01)
    assert torch.equal(tighter.project(far, x), eb.Threat("linf", 0.01).project(far, x))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (2, "l2"),
        (2.0, "l2"),
        (1, "l1"),
        (0, "l0"),
        (math.inf, "linf"),
        ("inf", "linf"),
        ("L2", "l2"),
        ("Linf", "linf"),
        ("l_inf", "linf"),
        ("l∞", "linf"),
        ("2", "l2"),
    ],
)
def test_a_norm_is_known_by_name_and_by_order(given: float | str, name: str) -> None:
    assert eb.Threat(given, 1 if name == "l0" else 0.1).norm.name == name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("linfinite", "the norm was given as 'linfinite'; did you mean 'linf'\\? expected one of linf"),
        ("l3", "expected one of linf, l2, l1, l0"),
        (3, "was given as 3"),
        (True, "given as True"),
        (None, "as None"),
    ],
)
def test_another_norm_is_refused(given: float | str, said: str) -> None:
    with pytest.raises(eb.InputError, match=said):
        eb.Threat(given, 0.1)
