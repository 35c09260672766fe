"""Intervals, against the formula written out."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epsball.errors import InputError
from epsball.record.proportion import Proportion
from epsball.record.statistics import (
    differ,
    holm,
    more_often,
    paired_difference,
    pairs_to_tell,
    samples_for,
    unequal,
    unpaired_difference,
    wilson,
)


@settings(deadline=None)  # the first interval loads SciPy
@given(st.integers(1, 3000), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99]))
def test_wilson_is_the_formula(n: int, proportion: float, level: float) -> None:
    successes = round(proportion * n)
    p, z = successes / n, NormalDist().inv_cdf((1 + level) / 2)
    centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    assert wilson(successes, n, level) == pytest.approx((low, high), abs=1e-12)


def test_no_success_and_all_successes_reach_the_ends() -> None:
    assert wilson(0, 7)[0] == 0.0
    assert wilson(7, 7)[1] == 1.0


def test_an_interval_needs_a_sample() -> None:
    with pytest.raises(InputError, match="0 samples"):
        wilson(0, 0)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 400), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_ends_of_a_paired_interval_are_where_the_score_test_turns(
    won: int, lost: int, same: int, level: float
) -> None:
    n = max(won + lost + same, 1)
    low, high = paired_difference(won, lost, n, level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    assert -1 <= low <= (won - lost) / n <= high <= 1
    for end in (low, high):
        if -1 < end < 1:
            assert abs(score(won, lost, n, end)) == pytest.approx(z, rel=1e-4)


def score(won: int, lost: int, n: int, delta: float) -> float:
    """The score statistic, its nuisance share found by looking for the largest likelihood itself."""

    def likelihood(q: float) -> float:
        rest = 1 - 2 * q - delta
        parts = ((lost, q), (won, q + delta), (n - won - lost, rest))
        return sum(count * math.log(max(share, 1e-300)) for count, share in parts if count)

    low, high = max(0.0, -delta), (1 - delta) / 2
    for _ in range(200):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if likelihood(a) > likelihood(b) else (a, high)
    return (won - lost - n * delta) / math.sqrt(n * (2 * low + delta * (1 - delta)))


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_sides_may_be_exchanged(won: int, lost: int) -> None:
    low, high = paired_difference(won, lost, 200)
    assert paired_difference(lost, won, 200) == pytest.approx((-high, -low), abs=1e-9)
    assert differ(won, lost) == differ(lost, won)
    assert differ(won, lost) <= 2 * more_often(max(won, lost), min(won, lost)) + 1e-12


@settings(deadline=None)
@given(st.floats(0.005, 0.05), st.floats(0.1, 0.9))
def test_so_many_samples_give_that_width_and_a_few_less_do_not(half: float, proportion: float) -> None:
    n = samples_for(half, proportion)
    low, high = wilson(round(proportion * n), n)
    assert (high - low) / 2 <= half + 1.5 * n**-1.5  # half a sample at most is rounded, and moves the width by so much
    fewer = int(n * 0.99) - 2
    low, high = wilson(round(proportion * fewer), fewer)
    assert (high - low) / 2 > half - 1.5 * fewer**-1.5


@pytest.mark.parametrize(
    ("half", "proportion", "n"), [(0.02, 0.5, 2398), (0.02, 0.9, 868), (0.02, 0, 93), ("2pt", "90%", 868)]
)
def test_the_least_n_is_the_least_one(half: float | str, proportion: float | str, n: int) -> None:
    assert samples_for(half, proportion) == n


def test_how_many_pairs_tell() -> None:
    needed = pairs_to_tell(12, 8, 200, 0.04)
    assert needed is not None
    assert 200 < needed < 20_000
    assert paired_difference(round(12 * needed / 200), round(8 * needed / 200), needed)[1] <= 0.04
    assert pairs_to_tell(12, 8, 200, 0.02) is None
    assert pairs_to_tell(0, 0, 5, 0.02) == pytest.approx(
        math.ceil(NormalDist().inv_cdf(0.975) ** 2 * 0.98 / 0.02), rel=0.03
    )


def test_a_width_must_be_one() -> None:
    with pytest.raises(InputError, match="half width of 0"):
        samples_for(0)
    for wrong in ("wide", None, math.nan):
        with pytest.raises(InputError, match="half_width was given as"):
            samples_for(wrong)  # type: ignore[arg-type] # what a test hands in
    with pytest.raises(InputError, match=r"proportion was given as 1\.1"):
        samples_for(0.02, 1.1)
    with pytest.raises(InputError, match="level was given as 95"):
        samples_for(0.02, level=95)
    with pytest.raises(InputError, match="0 samples"):
        paired_difference(0, 0, 0)


@pytest.mark.parametrize(
    ("first", "second", "interval"),
    [((48, 80), (56, 70), (0.0524, 0.3339)), ((3, 10), (9, 10), (0.1705, 0.8090)), ((0, 20), (10, 10), (0.6791, 1.0))],
)
def test_the_interval_of_proportions_of_different_samples_is_newcombes(
    first: tuple[int, int], second: tuple[int, int], interval: tuple[float, float]
) -> None:
    """Table II of Newcombe 1998, method 10."""
    assert unpaired_difference(first, second) == pytest.approx(interval, abs=6e-5)
    assert unpaired_difference(second, first) == pytest.approx((-interval[1], -interval[0]), abs=6e-5)


def test_fishers_test_is_the_hypergeometric_tail() -> None:
    assert unequal((0, 3), (3, 3)) == pytest.approx(2 / math.comb(6, 3))
    assert unequal((2, 4), (2, 4)) == pytest.approx(1)


def test_holms_adjustment_is_his_procedure() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_proportion_says_its_count_and_interval() -> None:
    assert float(Proportion(3, 4)) == 0.75
    assert Proportion(3, 4).interval(0.9) == wilson(3, 4, 0.9)
    assert repr(Proportion(53, 100)) == "53.0% (43.3% to 62.5%, 53 of 100)"
