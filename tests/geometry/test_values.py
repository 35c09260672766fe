"""Operators of the norms against values worked out by hand; the laws say the same for all inputs, these say it at once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from epsball.geometry import NORMS, Norm, inner, l0, l1, l2, linf, rows
from epsball.geometry.base import clip, per_row, room, unbounded
from epsball.geometry.level import filled, soft_threshold, water_level

V = torch.tensor([[3.0, -4.0, 0.0]])
LOW, HIGH = torch.tensor([[-1.0, -2.0, -3.0]]), torch.tensor([[2.0, 1.0, 3.0]])


def assert_rows(made: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(made, torch.tensor([expected]), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("norm", "length"), [(linf, 4.0), (l2, 5.0), (l1, 7.0), (l0, 2.0)])
def test_lengths(norm: Norm, length: float) -> None:
    assert norm(V).tolist() == [length]
    assert norm(V.reshape(1, 3, 1)).tolist() == [length]


@pytest.mark.parametrize(("norm", "dual"), [(linf, 7.0), (l2, 5.0), (l1, 4.0)])
def test_duals(norm: Norm, dual: float) -> None:
    assert norm.dual(V).tolist() == [dual]


@pytest.mark.parametrize(
    ("norm", "radius", "free", "boxed"),
    [
        (linf, 1.5, [1.5, -1.5, 0.0], [1.5, -1.5, 0.0]),
        (linf, 2.5, [2.5, -2.5, 0.0], [2.0, -2.0, 0.0]),
        (l2, 1.0, [0.6, -0.8, 0.0], [0.6, -0.8, 0.0]),
        (l2, 2.5, [1.5, -2.0, 0.0], [1.5, -2.0, 0.0]),
        (l2, 2.7, [1.62, -2.16, 0.0], [(2.7**2 - 4) ** 0.5, -2.0, 0.0]),
        (l1, 1.0, [0.0, -1.0, 0.0], [0.0, -1.0, 0.0]),
        (l1, 3.0, [0.0, -3.0, 0.0], [1.0, -2.0, 0.0]),
        (l1, 9.0, [0.0, -9.0, 0.0], [2.0, -2.0, 0.0]),
    ],
)
def test_the_maximiser(norm: Norm, radius: float, free: list[float], boxed: list[float]) -> None:
    assert_rows(norm.lmo(V, radius), free)
    assert_rows(norm.lmo(V, radius, LOW, HIGH), boxed)
    assert_rows(norm.lmo(V, torch.tensor([radius]), LOW, HIGH), boxed)


@pytest.mark.parametrize(
    ("radius", "expected"),
    [(0.0, [0.0, 0.0, 0.0]), (0.9, [0.0, 0.0, 0.0]), (1.0, [0.0, -2.0, 0.0]), (3.0, [2.0, -2.0, 0.0])],
)
def test_the_l0_maximiser_moves_the_best_coordinates_to_their_limits(radius: float, expected: list[float]) -> None:
    assert_rows(l0.lmo(V, radius, LOW, HIGH), expected)  # gains 6, 8 and 0


@pytest.mark.parametrize(
    ("norm", "radius", "free", "boxed"),
    [
        (linf, 3.5, [3.0, -3.5, 0.0], [2.0, -2.0, 0.0]),
        (linf, 1.0, [1.0, -1.0, 0.0], [1.0, -1.0, 0.0]),
        (l2, 1.0, [0.6, -0.8, 0.0], [0.6, -0.8, 0.0]),
        (l2, 9.0, [3.0, -4.0, 0.0], [2.0, -2.0, 0.0]),
        (l2, 2.7, [1.62, -2.16, 0.0], [(2.7**2 - 4) ** 0.5, -2.0, 0.0]),
        (l1, 3.0, [1.0, -2.0, 0.0], [1.0, -2.0, 0.0]),
        (l1, 1.0, [0.0, -1.0, 0.0], [0.0, -1.0, 0.0]),
        (l1, 3.5, [1.25, -2.25, 0.0], [1.5, -2.0, 0.0]),
        (l1, 8.0, [3.0, -4.0, 0.0], [2.0, -2.0, 0.0]),
    ],
)
def test_the_projection(norm: Norm, radius: float, free: list[float], boxed: list[float]) -> None:
    assert_rows(norm.project(V, radius), free)
    assert_rows(norm.project(V, radius, LOW, HIGH), boxed)


def test_the_l0_projection_keeps_what_saves_most() -> None:
    v, low, high = torch.tensor([[5.0, -3.0, 2.0]]), torch.full((1, 3), -9.0), torch.tensor([[0.5, 9.0, 9.0]])
    # kept, the first coordinate saves 25 - 4.5², the others 9 and 4
    assert_rows(l0.project(v, 1.0, low, high), [0.0, -3.0, 0.0])
    assert_rows(l0.project(v, 2.0, low, high), [0.5, -3.0, 0.0])
    assert_rows(l0.project(v, 1.0, -9.0, 9.0), [5.0, 0.0, 0.0])


@pytest.mark.parametrize(("norm", "step"), [(linf, [-2.0, 2.0, 0.0]), (l2, [-1.68, 2.24, 0.0]), (l1, [0.0, 3.5, 0.0])])
def test_the_closed_step_onto_a_hyperplane(norm: Norm, step: list[float]) -> None:
    b = torch.tensor([14.0])
    assert_rows(norm.to_hyperplane(V, b), step)
    assert_rows(norm.to_hyperplane(V, -b), [-v for v in step])
    assert_rows(norm.to_hyperplane(0 * V, b), [0.0, 0.0, 0.0])
    assert_rows(norm.to_hyperplane(V, 0 * b), [0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("norm", "b", "step"),
    [
        (linf, 3.5, [-0.5, 0.5, 0.0]),
        (linf, 6.5, [-13 / 14, 13 / 14, 0.0]),
        (l2, 5.0, [-0.6, 0.8, 0.0]),
        (l2, 6.4, [-0.8, 1.0, 0.0]),
        (l1, 2.0, [0.0, 0.5, 0.0]),
        (l1, 5.5, [-0.5, 1.0, 0.0]),
        (l0, 2.0, [0.0, 0.5, 0.0]),
        (l0, 5.5, [-0.5, 1.0, 0.0]),
        *((norm, 70.0, [-1.0, 1.0, 0.0]) for norm in NORMS.values()),
        *((norm, 0.0, [0.0, 0.0, 0.0]) for norm in NORMS.values()),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e-20])
def test_the_boxed_step_onto_a_hyperplane(norm: Norm, b: float, step: list[float], scale: float) -> None:
    """In single precision also where squares of the normal vanish."""
    assert_rows(norm.onto_hyperplane(scale * V, scale * torch.tensor([b]), LOW, HIGH), step)


def test_a_box_may_be_open_on_one_side() -> None:
    v = torch.tensor([[3.0, -3.0]])
    assert clip(v, -1.0, math.inf).tolist() == [[3.0, -1.0]]
    assert clip(v, -math.inf, 1.0).tolist() == [[1.0, -3.0]]
    assert clip(v, -math.inf, math.inf).tolist() == [[3.0, -3.0]]
    assert clip(v, torch.tensor([-2.0, -1.0]), 2.0).tolist() == [[2.0, -1.0]]
    assert [unbounded(*box) for box in ((-math.inf, math.inf), (-1.0, math.inf), (-math.inf, 1.0), (-1.0, 1.0))] == [
        True,
        False,
        False,
        False,
    ]
    assert not unbounded(torch.tensor(-math.inf), math.inf)
    for norm in (l2, l1, linf):
        assert_rows(norm.project(V, 100.0, -1.0, math.inf), [3.0, -1.0, 0.0])
        assert_rows(norm.project(V, 100.0, -math.inf, 1.0), [1.0, -4.0, 0.0])
    assert_rows(l2.lmo(V, 5.0, -math.inf, 1.0), [1.0, -(24**0.5), 0.0])


def test_room_is_what_is_left_in_the_direction() -> None:
    assert room(V, LOW, HIGH).tolist() == [[2.0, 2.0, 3.0]]
    assert room(V, -1.0, 2.0).tolist() == [[2.0, 1.0, 2.0]]


def test_one_number_a_sample_is_broadcast_over_its_features() -> None:
    like = torch.zeros(2, 3, 4)
    assert rows(torch.tensor([1.0, 2.0]), like).shape == (2, 1, 1)
    assert rows(3.0, like).ndim == 0
    assert per_row(3.0, like).tolist() == [3.0, 3.0]
    assert inner(torch.full((2, 1, 2), 3.0), torch.tensor([[[1.0, 2.0]], [[3.0, -1.0]]])).tolist() == [9.0, 6.0]


@pytest.mark.parametrize(("norm", "price"), [(linf, 1.0), (l2, 3.0), (l1, 9.0), (l0, 0.0)])
def test_the_price_of_rounding(norm: Norm, price: float) -> None:
    assert norm.rounding(9) == price
    assert norm.rounding(0) == 0


def test_the_facts_that_steer_a_step() -> None:
    assert [(norm.name, norm.separable, norm.smallest_step) for norm in NORMS.values()] == [
        ("linf", True, 0.0),
        ("l2", False, 0.0),
        ("l1", False, 0.0),
        ("l0", False, 1.0),
    ]
    with pytest.raises(TypeError, match="use l2, linf or l1"):
        l0.dual(V)
    with pytest.raises(TypeError, match="use l2, linf or l1"):
        l0.to_hyperplane(V, torch.ones(1))


def test_water_rises_until_the_target_is_reached() -> None:
    rate, space = torch.tensor([[1.0, 2.0, 0.0]]).expand(4, 3), torch.tensor([[1.0, 1.0, 9.0]]).expand(4, 3)
    level = water_level(rate, space, torch.tensor([0.0, 0.9, 1.75, 2.5]))
    torch.testing.assert_close(level, torch.tensor([0.0, 0.3, 0.75, math.inf]))
    assert filled(level, rate, space)[1:].tolist() == [
        [pytest.approx(0.3), pytest.approx(0.6), 0.0],
        [0.75, 1, 0],
        [1, 1, 0],
    ]
    weighed = water_level(rate, space, torch.tensor([0.9] * 4), 2 * torch.ones(4, 3))
    torch.testing.assert_close(weighed, torch.full((4,), 0.15))


@pytest.mark.parametrize(("target", "threshold"), [(9.0, 0.0), (5.0, 0.5), (2.5, 2.5), (2.0, 3.0), (1.0, 4.0)])
def test_a_soft_threshold_leaves_the_target(target: float, threshold: float) -> None:
    """Sizes 5, 3, 1 with room for 2, 9 and 9: at 0.5 they leave 2 + 2.5 + 0.5."""
    size, space = torch.tensor([[5.0, 3.0, 1.0]]).double(), torch.tensor([[2.0, 9.0, 9.0]]).double()
    assert soft_threshold(size, space, torch.tensor([target]).double()).tolist() == [pytest.approx(threshold)]


def test_a_full_coordinate_leaves_the_rest_to_the_others() -> None:
    low = torch.tensor([[-0.5, -9.0, -9.0]])
    assert_rows(linf.onto_hyperplane(V, torch.tensor([5.1]), low, 9.0), [-0.5, 0.9, 0.0])
    assert_rows(l2.onto_hyperplane(V, torch.tensor([5.1]), low, 9.0), [-0.5, 0.9, 0.0])
    assert_rows(l2.onto_hyperplane(V, torch.tensor([2.5]), low, 9.0), [-0.3, 0.4, 0.0])
