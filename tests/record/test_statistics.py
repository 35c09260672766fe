"""Intervals, against the formula written out."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epsball.errors import InputError
from epsball.record.statistics import wilson


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
