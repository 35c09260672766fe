"""Numbers from rows, against counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epsball.errors import InputError
from epsball.record import Finding, metrics
from epsball.record.statistics import wilson
from evaluations import INF, evaluation, rows

uppers = st.lists(st.one_of(st.just(INF), st.integers(0, 50).map(lambda tenths: tenths / 10)), min_size=1, max_size=30)


@settings(deadline=None)  # the first interval loads SciPy
@given(uppers, st.integers(0, 60).map(lambda tenths: tenths / 10))
def test_robust_accuracy_counts_the_errors_beyond(upper: list[float], eps: float) -> None:
    run = evaluation(upper)
    robust = sum(value > eps for value in upper)
    assert run.robust_accuracy(eps) == pytest.approx(robust / len(upper))
    assert run.interval(eps) == wilson(robust, len(upper))


def test_the_runs_own_budget_is_the_default_and_fractions_are_read() -> None:
    run = evaluation([0.0, 0.5, 1.5, INF], eps=1.0)
    assert run.robust_accuracy() == run.robust_accuracy(1.0) == 0.5
    assert run.robust_accuracy("1/4") == 0.75
    assert run.clean_accuracy == 0.75


def test_an_infinite_budget_leaves_what_no_attack_found() -> None:
    assert evaluation([0.0, 3.0, INF, INF], eps=INF).robust_accuracy() == 0.5


def test_a_budgeted_run_knows_nothing_beyond_its_budget() -> None:
    run = evaluation([0.0, 0.5, INF], eps=1.0, minimum_norm=False)
    assert run.robust_accuracy(1.0) == pytest.approx(1 / 3)
    for measure in (run.robust_accuracy, run.interval):
        with pytest.raises(InputError, match=r"ε = 2 .* stopped at ε = 1"):
            measure(2.0)


def test_certified_accuracy_needs_a_right_answer() -> None:
    run = evaluation([0.0, 2.0, 3.0], lower=np.array([0.0, 1.0, 2.0]))
    assert [run.certified_accuracy(eps) for eps in (0, 1, 1.5, 2.5)] == pytest.approx([2 / 3, 2 / 3, 1 / 3, 0])


@settings(deadline=None)  # the same
@given(uppers)
def test_the_curve_is_the_robust_accuracy_at_and_between_its_steps(upper: list[float]) -> None:
    run = evaluation(upper)
    curve = metrics.curve(run)
    assert curve.eps[0] == 0
    for i, eps in enumerate(curve.eps):
        following = curve.eps[i + 1] if i + 1 < len(curve.eps) else eps + 1
        assert curve.accuracy[i] == run.robust_accuracy(eps) == run.robust_accuracy((eps + following) / 2)
        assert tuple(float(end[0]) for end in curve.bounds(np.array([i]))) == run.interval(eps)
    assert (np.diff(curve.accuracy) < 0).all()
    low, high = curve.bounds(np.arange(len(curve.eps))[::-1])
    assert (low[-1], high[-1]) == run.interval(0.0)


def test_quantiles_and_medians() -> None:
    run = evaluation([0.0, 1.0, 2.0, 3.0, INF])
    assert metrics.quantiles(run, (0.2, 0.4, 0.5, 1.0)) == [0.0, 1.0, 2.0, INF]
    assert metrics.median_distance(run) == 2.5
    assert metrics.median_distance(evaluation([0.0, 1.0, INF, INF])) == INF
    assert math.isnan(metrics.median_distance(evaluation([0.0])))


def test_the_papers_robustness_is_over_the_fooled() -> None:
    run = evaluation([0.0, 1.0, 3.0, INF], attacks={"one": rows([1, 2, 3], [1.0, 3.0, INF])})
    found = metrics.rho(run, "one")
    assert (found, found.n, found.wrong, found.not_found, found.zero) == (1.0, 2, 0, 1, 0)
    with pytest.raises(InputError, match="no attack 'two'; it has one"):
        metrics.rho(run, "two")
    nothing = evaluation([INF], attacks={"one": rows([0], [INF])})
    assert math.isnan(metrics.rho(nothing, "one"))


def test_every_attack_has_its_own_accuracy_and_adds_to_the_errors() -> None:
    attacks = {"one": rows([1, 2, 3], [0.5, INF, INF]), "two": rows([2, 3], [2.0, 0.7])}
    run = evaluation([0.0, 0.5, 2.0, 0.7], attacks=attacks)
    one, two = metrics.attack_summaries(run)
    assert (one.attacked, one.successes, one.own_accuracy, one.remaining_accuracy, one.queries) == (3, 1, 0.5, 0.5, 4.0)
    assert (two.attacked, two.successes, two.remaining_accuracy) == (2, 1, 0.25)
    assert math.isnan(two.own_accuracy)
    assert metrics.attack_upper(run, "two").tolist() == [0.0, INF, 2.0, 0.7]
    assert metrics.median_distance(run, "one") == INF
    assert metrics.attack_curve(run, "one").accuracy.tolist() == [0.75, 0.5]


def test_confusion_counts_pairs_within_the_budget() -> None:
    found = rows([0, 1, 2, 3], [0.5, 0.6, 2.0, INF], after=[2, 2, 1, 0])
    assert metrics.confusion(found, 1.0) == {(0, 2): 2}
    assert metrics.confusion(found) == {(0, 1): 1, (0, 2): 2}
    assert metrics.confusion(rows([], [])) == {}


def test_one_failed_check_takes_the_trust_away() -> None:
    warning = Finding("D19", "WARN", "few", "n", "more")
    assert evaluation([1.0], findings=[warning]).trusted
    assert not evaluation([1.0], findings=[warning, Finding("D02", "FAIL", "random", "5", "freeze")]).trusted
