from __future__ import annotations

import pytest
import torch
from torch import Tensor

from epsball.attacks.lbfgs import Pairs, Start, _coarse
from epsball.attacks.parts.boundary import Boundary
from epsball.attacks.parts.steady import steady

WENT = torch.tensor([True, True])
S = torch.tensor([[1.0, 0.0, 2.0], [0.5, -1.0, 0.0]], dtype=torch.float64)
Y = torch.tensor([[2.0, 1.0, 3.0], [1.0, -4.0, 1.0]], dtype=torch.float64)


def kept(*pairs: tuple[Tensor, Tensor], accepted: Tensor = WENT, memory: int = 8) -> Pairs:
    made = Pairs(memory)
    for s, y in pairs:
        made.add(s, y, accepted)
    return made


def test_without_pairs_the_direction_is_steepest_descent() -> None:
    assert torch.equal(Pairs(3).direction(S), -S)


def test_the_newest_change_of_gradient_is_undone_by_its_displacement() -> None:
    pairs = kept((S.flip(1), Y.flip(1) + 1), (S, Y))
    torch.testing.assert_close(pairs.direction(Y), -S)


def test_across_the_newest_pair_the_scale_is_its_curvature() -> None:
    across = torch.tensor([[2.0, 0.0, -1.0], [2.0, 1.0, 0.0]], dtype=torch.float64)
    across -= (across * Y).sum(1, keepdim=True) / (Y * Y).sum(1, keepdim=True) * Y
    across -= (across * S).sum(1, keepdim=True) / (S * S).sum(1, keepdim=True) * S
    single = kept((S, Y)).direction(across)
    curvature = (S * Y).sum(1, keepdim=True) / (Y * Y).sum(1, keepdim=True)
    passed = across - (S * across).sum(1, keepdim=True) / (S * Y).sum(1, keepdim=True) * Y
    down = curvature * passed
    expected = (
        down + ((S * across).sum(1, keepdim=True) - (Y * down).sum(1, keepdim=True)) / (S * Y).sum(1, keepdim=True) * S
    )
    torch.testing.assert_close(single, -expected)


def test_a_diagonal_curvature_seen_along_every_axis_is_inverted() -> None:
    axes, steepness = torch.eye(3, dtype=torch.float64), torch.tensor([1.0, 4.0, 0.25], dtype=torch.float64)
    pairs = kept(*((axis[None], (axis * steepness)[None]) for axis in axes), accepted=torch.tensor([True]))
    g = torch.tensor([[3.0, -2.0, 5.0]], dtype=torch.float64)
    torch.testing.assert_close(pairs.direction(g), -g / steepness)


def test_only_as_many_pairs_are_kept_as_memory_says() -> None:
    both = kept((S.flip(1), Y.flip(1) + 1), (S, Y), memory=1)
    torch.testing.assert_close(both.direction(S + 1), kept((S, Y)).direction(S + 1))


@pytest.mark.parametrize(("y", "accepted"), [(Y, ~WENT), (-Y, WENT)], ids=["did not move", "negative curvature"])
def test_what_did_not_move_along_positive_curvature_teaches_nothing(y: Tensor, accepted: Tensor) -> None:
    pairs = kept((S, Y))
    before = pairs.direction(S + 1)
    pairs.add(2 * S.flip(1), y.flip(1), accepted)
    torch.testing.assert_close(pairs.direction(S + 1), before)
    torch.testing.assert_close(kept((S, y), accepted=accepted).direction(S), -S)


def test_coarse_numbers_keep_sixteen_bits() -> None:
    whole = torch.tensor([1.0, 40000.0, 65535.0, 3 / 2**20], dtype=torch.float64)
    assert torch.equal(_coarse(whole), whole)
    assert torch.equal(_coarse(whole * (1 + 2**-20)), whole)
    assert torch.equal(_coarse(torch.tensor([1 + 2**-15])), torch.tensor([1 + 2**-15]))


def test_rows_in_double_precision_keep_twenty_four_bits_of_their_largest_entry() -> None:
    row = torch.tensor([[1.0, 2.0**-23, 3 * 2.0**-23], [2.0**10, 2.0**-13, 0.0]], dtype=torch.float64)
    assert torch.equal(steady(row), row)
    assert torch.equal(steady(row + 2.0**-40), row)
    fine = row.float() + 2.0**-23
    assert steady(fine) is fine


def test_single_losses_are_rounded_as_if_none_were_below_one() -> None:
    losses = torch.tensor([0.5 + 2.0**-30, 4.0 + 2.0**-30, 2.0**-23], dtype=torch.float64)
    assert torch.equal(steady(losses), torch.tensor([0.5, 4.0, 2.0**-23], dtype=torch.float64))


def test_the_search_begins_where_an_affine_model_has_its_optimum() -> None:
    distance, gap = torch.tensor([2.0, 0.5], dtype=torch.float64), torch.tensor([8.0, 1.0], dtype=torch.float64)
    near = Boundary(distance, gap, torch.zeros(2, 3), torch.tensor([1, 2]), torch.zeros(2, 4))
    start = Start.of(near, torch.zeros(2, 3, dtype=torch.float16))
    assert (start.x0.dtype, start.x.dtype) == (torch.float16, torch.float32)
    assert start.c.tolist() == [0.5, 1.0]  # gap / (4 distance²)
    torch.testing.assert_close(start.heat, torch.tensor([0.4, 0.05]))  # a twentieth of the gap
    assert start.k.tolist() == [1, 2]


def test_a_boundary_infinitely_far_begins_at_a_finite_distance_beside_one_that_is_near() -> None:
    """Where the gradient of a row vanishes, the ratio of gap and gradient overflows."""
    near = Boundary(
        torch.tensor([torch.inf, 0.5]),
        torch.tensor([0.0, 1.0]),
        torch.zeros(2, 3),
        torch.tensor([0, 2]),
        torch.zeros(2, 4),
    )
    start = Start.of(near, torch.zeros(2, 3))
    for values in (start.distance, start.c, start.heat):
        assert bool((values.isfinite() & (values > 0)).all())
    assert (start.distance[1].item(), start.c[1].item()) == (0.5, 1.0)
