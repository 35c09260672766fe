from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

import epsball as eb
from epsball.paper.figure import Figure, average, difference, if_any, mean, percent, plain, share


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


def test_of_nothing_there_is_no_figure() -> None:
    for figure, nothing in ((share, torch.zeros(0).bool()), (mean, torch.zeros(0))):
        with pytest.raises(eb.InputError, match="an interval over 0 samples was asked for, expected at least 1"):
            figure(nothing)
        assert if_any(figure, nothing) is None
    assert if_any(mean, torch.ones(2)) == mean([1.0, 1.0])
    assert percent(None) == plain(None) == "–"


def test_a_difference_is_of_independent_figures_and_an_average_of_any() -> None:
    more: Figure = {"value": 0.9, "low": 0.87, "high": 0.93, "n": 300}
    less: Figure = {"value": 0.5, "low": 0.46, "high": 0.54, "n": 200}
    assert difference(more, less) == pytest.approx({"value": 0.4, "low": 0.35, "high": 0.45, "n": 200})
    assert average([more, less]) == pytest.approx({"value": 0.7, "low": 0.665, "high": 0.735, "n": 500})
    assert average([share(torch.zeros(9)), share(torch.zeros(4))])["low"] == 0


def test_figures_read_as_text() -> None:
    assert percent(share(torch.tensor([True] * 29 + [False] * 71))) == "29.0 % (21.0 … 38.5)"
    assert plain(mean([0.1, 0.1, 0.1])) == "0.1 (0.1 … 0.1)"
    assert (plain(mean([0.1])), percent(mean([0.1]))) == ("0.1", "10.0 %")
