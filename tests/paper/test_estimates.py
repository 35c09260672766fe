from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

import epsball as eb
from epsball.paper.estimates import (
    average,
    bounded_mean,
    decimal,
    difference,
    exactly,
    fraction,
    if_any,
    mean,
    over_seeds,
    paired,
    percent,
)
from epsball.paper.rows import Rows
from paper.controls import NOTHING, number


@pytest.mark.parametrize("n", [2, 3, 5, 16])
def test_the_interval_of_few_values_is_students(n: int) -> None:
    values = torch.randn(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    low, high = stats.t.interval(0.95, n - 1, values.mean().item(), values.std().item() / math.sqrt(n))
    measured = mean(values)
    assert measured.low == pytest.approx(low, rel=1e-3)
    assert measured.high == pytest.approx(high, rel=1e-3)
    assert measured.n == n


def test_one_value_is_its_own_interval() -> None:
    assert mean([3.0]) == exactly(3.0) == number(3.0, n=1)


def test_of_nothing_there_is_no_number() -> None:
    for estimate, nothing in ((fraction, torch.zeros(0).bool()), (mean, torch.zeros(0))):
        with pytest.raises(eb.InputError, match="an interval over 0 samples was asked for, expected at least 1"):
            estimate(nothing)
        assert if_any(estimate, nothing).n == 0
        assert math.isnan(if_any(estimate, nothing).value)
    assert if_any(mean, torch.ones(2)) == mean([1.0, 1.0])
    assert percent(NOTHING) == decimal(NOTHING) == "–"


def test_a_difference_is_of_independent_numbers_and_an_average_of_any() -> None:
    more, less = number(0.9, 0.03, 300), number(0.5, 0.04, 200)
    found, both = difference(more, less), average([more, less])
    assert (found.value, found.low, found.high, found.n) == pytest.approx((0.4, 0.35, 0.45, 200))
    assert (both.value, both.low, both.high, both.n) == pytest.approx((0.7, 0.665, 0.735, 500))
    assert average([fraction(torch.zeros(9)), fraction(torch.zeros(4))]).low == 0


def test_numbers_read_as_text() -> None:
    assert percent(fraction(torch.tensor([True] * 29 + [False] * 71))) == "29.0 % (21.0 … 38.5)"
    assert decimal(mean([0.1, 0.1, 0.1])) == "0.1 (0.1 … 0.1)"
    assert (decimal(mean([0.1])), percent(mean([0.1]))) == ("0.1", "10.0 %")


def test_three_paired_differences_have_students_interval() -> None:
    found = paired([3.0, 5.0, 7.0], [2.0, 3.0, 4.0])  # 1, 2, 3: mean 2, deviation 1
    half = 4.302653 / 3**0.5  # t with two degrees of freedom, from a table
    assert (found.value, found.low, found.high, found.n) == pytest.approx((2.0, 2 - half, 2 + half, 3), rel=1e-3)
    with pytest.raises(ValueError, match="zip"):
        paired([1.0], [1.0, 2.0])


def test_a_mean_over_seeds_is_taken_for_all_other_keys() -> None:
    seeds = [number(value).of("ρ", network=name, seed=seed) for name in "ab" for seed, value in enumerate((1.0, 3.0))]
    first, second = over_seeds(Rows((*seeds[:3], NOTHING.of("ρ", network="b", seed=1))))
    assert first == mean([1.0, 3.0]).of("ρ", network="a")
    assert (second.n, second.network) == (0, "b")
    (bounded,) = over_seeds(Rows(tuple(seeds[:2])), lambda values: bounded_mean(values, 2.5))
    assert bounded.high == 2.5


def test_a_mean_keeps_to_its_limits() -> None:
    assert bounded_mean(torch.tensor([0.0, 0.0, 1.0])).low == 0
    assert bounded_mean(torch.tensor([1.0, 1.0, 0.5])).high == 1
    assert bounded_mean(torch.tensor([4.0, 0.0]), 4).high == 4
