"""Metrics at the edges of their definitions: at ε itself, at the first and last sample, with nothing asked."""

from __future__ import annotations

import math

import numpy as np
import pytest

from epsball.errors import InputError
from epsball.record import AttackRows, metrics
from epsball.record.plan import Real
from epsball.record.statistics import wilson
from evaluations import INF, evaluation, rows
from plans import attack, plan


def test_wilsons_interval_of_eight_in_ten() -> None:
    z = 1.959963984540054
    centre, spread = 0.8 + z * z / 20, z * math.sqrt(0.016 + z * z / 400)
    assert wilson(8, 10) == pytest.approx(((centre - spread) / (1 + z * z / 10), (centre + spread) / (1 + z * z / 10)))
    assert wilson(0, 1) == pytest.approx((0.0, z * z / (1 + z * z)), abs=0)
    assert wilson(1, 1) == pytest.approx((1 / (1 + z * z), 1.0))


def test_an_error_at_epsilon_itself_is_within_it() -> None:
    run = evaluation([0.0, 0.5, 1.0, 1.5], eps=1.0, attacks={"one": rows([1, 2, 3], [0.5, 1.0, 1.5])})
    assert metrics.robust(run).tolist() == [False, False, False, True]
    assert metrics.robust_accuracy(run, 0.999) == 0.5
    assert metrics.interval(run, level=0.5) == wilson(1, 4, 0.5)
    (one,) = metrics.attack_summaries(run)
    assert (one.attack, one.successes, one.own_accuracy, one.remaining_accuracy) == ("one", 2, 0.25, 0.25)
    (one,) = metrics.attack_summaries(run, 0.5)
    assert (one.successes, one.own_accuracy, one.remaining_accuracy) == (1, 0.5, 0.5)
    assert metrics.confusion(run.attacks["one"], 1.0) == {(0, 1): 2}


def test_a_certificate_of_epsilon_itself_is_enough() -> None:
    run = evaluation([3.0, 3.0, 3.0], eps=1.0, lower=np.array([0.5, 1.0, 2.0]))
    assert metrics.certified_accuracy(run) == pytest.approx(2 / 3)
    assert metrics.certified_accuracy(run, "2/1") == pytest.approx(1 / 3)


def test_without_any_attack_every_budget_may_be_asked() -> None:
    run = evaluation([0.0, INF], plan=plan(threat__eps=Real(1.0), attacks={}))
    assert metrics.robust_accuracy(run, 5.0) == 0.5


def test_one_minimum_norm_attack_among_others_answers_beyond_the_budget() -> None:
    one, two = attack(minimum_norm=False), attack(minimum_norm=True)
    run = evaluation([0.0, 2.0, INF], plan=plan(threat__eps=Real(1.0), attacks={"one": one, "two": two}))
    assert metrics.robust_accuracy(run, 3.0) == pytest.approx(1 / 3)
    run = evaluation([0.0, 2.0, INF], plan=plan(threat__eps=Real(1.0), attacks={"one": one, "two": one}))
    with pytest.raises(InputError, match="minimum-norm attack such as deepfool"):
        metrics.robust_accuracy(run, 3.0)


def test_quantiles_are_order_statistics_of_all_samples() -> None:
    run = evaluation([10.0, 3.0, 1.0, 7.0, 2.0, 9.0, 4.0, 8.0, 6.0, 5.0])
    assert metrics.quantiles(run) == [1.0, 3.0, 5.0, 8.0, 9.0]
    assert metrics.quantiles(run, (0.0, 0.11, 0.2, 0.91, 1.0)) == [1.0, 2.0, 2.0, 10.0, 10.0]


def test_the_median_is_over_the_correctly_classified() -> None:
    run = evaluation([0.0, 0.0, 0.0, 4.0, 1.0, 2.0], attacks={"one": rows([3, 4, 5], [4.0, INF, INF])})
    assert metrics.median_distance(run) == 2.0
    assert metrics.median_distance(run, "one") == INF
    assert metrics.median_distance(evaluation([1.0, 2.0, 4.0, 8.0])) == 3.0


def test_a_distance_counts_only_with_success() -> None:
    columns = rows([1, 2], [0.5, 0.7]).columns() | {"success": np.array([True, False])}
    run = evaluation([0.0, 0.5, INF, INF], attacks={"one": AttackRows.of(columns)})
    assert metrics.attack_upper(run, "one").tolist() == [0.0, 0.5, INF, INF]
    assert (metrics.rho(run, "one"), metrics.rho(run, "one").n) == (0.25, 1)
    assert run.attacks["one"].within(1.0).tolist() == [True, False]


def test_an_attack_that_was_asked_nothing_cost_nothing() -> None:
    run = evaluation([0.0, 0.5], attacks={"one": rows([1], [0.5]), "two": rows([], [])})
    one, two = metrics.attack_summaries(run)
    assert (one.attacked, one.queries) == (1, 4.0)
    assert (two.attacked, two.successes, two.remaining_accuracy, two.queries) == (0, 0, 0.0, 0.0)
    assert math.isnan(two.own_accuracy)


def test_a_curve_starts_at_0_and_steps_at_every_error() -> None:
    curve = metrics.step_curve(np.array([0.5, INF, 0.5, 2.0]))
    assert curve.eps.tolist() == [0.0, 0.5, 2.0]
    assert curve.accuracy.tolist() == [1.0, 0.5, 0.25]
    assert [float(ends[0]) for ends in curve.bounds(np.array([1]))] == pytest.approx(wilson(2, 4))
