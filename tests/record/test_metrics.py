"""Numbers from rows, against counting by hand and against SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from epsball.errors import InputError
from epsball.record import AttackRows, Evaluation, Finding, metrics

INF = math.inf


def rows(ids: list[int], distance: list[float], after: list[int] | None = None) -> AttackRows:
    n = len(ids)
    columns: dict[str, Any] = {
        "id": ids,
        "success": np.isfinite(distance),
        "distance": distance,
        "relative": np.array(distance) / 2,
        "queries": [4] * n,
        "gradients": [2] * n,
        "before": [0] * n,
        "after": [1] * n if after is None else after,
        "confidence_before": [0.9] * n,
        "confidence_after": [0.8] * n,
    }
    return AttackRows.of({name: np.asarray(values) for name, values in columns.items()})


def evaluation(upper: list[float], eps: float = 1.0, *, minimum_norm: bool = True, **fields: Any) -> Evaluation:
    n = len(upper)
    given: dict[str, Any] = {
        "spec": {"threat": {"eps": eps}, "attacks": {"one": {"minimum_norm": minimum_norm, "position": 0}}},
        "ids": np.arange(n),
        "label": np.zeros(n, np.int64),
        "clean": np.where(np.array(upper) == 0, 1, 0),
        "lower": np.zeros(n),
        "upper": np.array(upper),
        "by": np.full(n, ""),
        "queries": np.zeros(n, np.int64),
        "gradients": np.zeros(n, np.int64),
        "seconds": 0.0,
        "findings": [],
        "attacks": {},
        **fields,
    }
    return Evaluation(**given)


@given(st.integers(1, 3000), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99]))
def test_wilson_is_scipys(n: int, share: float, level: float) -> None:
    successes = round(share * n)
    expected = binomtest(successes, n).proportion_ci(level, method="wilson")
    assert metrics.wilson(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_needs_a_sample() -> None:
    with pytest.raises(InputError, match="0 samples"):
        metrics.wilson(0, 0)


uppers = st.lists(st.one_of(st.just(INF), st.integers(0, 50).map(lambda tenths: tenths / 10)), min_size=1, max_size=30)


@given(uppers, st.integers(0, 60).map(lambda tenths: tenths / 10))
def test_robust_accuracy_counts_what_stands_beyond(upper: list[float], eps: float) -> None:
    run = evaluation(upper)
    standing = sum(value > eps for value in upper)
    assert run.robust_accuracy(eps) == pytest.approx(standing / len(upper))
    assert run.interval(eps) == metrics.wilson(standing, len(upper))


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
    for ask in (run.robust_accuracy, run.interval):
        with pytest.raises(InputError, match=r"ε = 2 .* stopped at ε = 1"):
            ask(2.0)


def test_certified_accuracy_needs_a_right_answer() -> None:
    run = evaluation([0.0, 2.0, 3.0], lower=np.array([0.0, 1.0, 2.0]))
    assert [run.certified_accuracy(eps) for eps in (0, 1, 1.5, 2.5)] == pytest.approx([2 / 3, 2 / 3, 1 / 3, 0])


@given(uppers)
def test_the_curve_is_the_robust_accuracy_at_and_between_its_steps(upper: list[float]) -> None:
    run = evaluation(upper)
    curve = metrics.curve(run)
    assert curve.eps[0] == 0
    for i, eps in enumerate(curve.eps):
        following = curve.eps[i + 1] if i + 1 < len(curve.eps) else eps + 1
        assert curve.accuracy[i] == run.robust_accuracy(eps) == run.robust_accuracy((eps + following) / 2)
        assert (curve.low[i], curve.high[i]) == run.interval(eps)
    assert (np.diff(curve.accuracy) < 0).all()


def test_quantiles_and_medians() -> None:
    run = evaluation([0.0, 1.0, 2.0, 3.0, INF])
    assert metrics.quantiles(run, (0.2, 0.4, 0.5, 1.0)) == [0.0, 1.0, 2.0, INF]
    assert metrics.median_distance(run) == 2.5
    assert metrics.median_distance(evaluation([0.0, 1.0, INF, INF])) == INF
    assert math.isnan(metrics.median_distance(evaluation([0.0])))


def test_the_papers_robustness_is_over_the_fooled() -> None:
    run = evaluation([0.0, 1.0, 3.0, INF], attacks={"one": rows([1, 2, 3], [1.0, 3.0, INF])})
    assert metrics.mean_relative(run, "one") == metrics.Relative(mean=1.0, fooled=2, asked=3)
    with pytest.raises(InputError, match="no attack 'two'; it has one"):
        metrics.mean_relative(run, "two")
    nothing = evaluation([INF], attacks={"one": rows([0], [INF])})
    assert math.isnan(metrics.mean_relative(nothing, "one").mean)


def test_every_attack_has_its_own_accuracy_and_adds_to_the_standing() -> None:
    attacks = {"one": rows([1, 2, 3], [0.5, INF, INF]), "two": rows([2, 3], [2.0, 0.7])}
    run = evaluation([0.0, 0.5, 2.0, 0.7], attacks=attacks)
    one, two = metrics.standings(run)
    assert (one.asked, one.broken, one.own_accuracy, one.standing, one.queries) == (3, 1, 0.5, 0.5, 4.0)
    assert (two.asked, two.broken, two.standing) == (2, 1, 0.25)
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
