from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from epsball.paper.figure import mean, percent, plain, share


@pytest.mark.parametrize("n", [2, 3, 5, 16])
def test_the_interval_of_few_values_is_students(n: int) -> None:
    values = torch.randn(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    low, high = stats.t.interval(0.95, n - 1, values.mean().item(), values.std().item() / math.sqrt(n))
    measured = mean(values)
    assert measured["low"] == pytest.approx(low, rel=1e-3)
    assert measured["high"] == pytest.approx(high, rel=1e-3)
    assert measured["n"] == n


def test_one_value_is_its_own_interval() -> None:
    assert mean([3.0]) == {"value": 3.0, "low": 3.0, "high": 3.0, "n": 1}


def test_figures_read_as_text() -> None:
    assert percent(share(torch.tensor([True] * 29 + [False] * 71))) == "29.0 % (21.0 … 38.5)"
    assert plain(mean([0.1, 0.1, 0.1])) == "0.1 (0.1 … 0.1)"
