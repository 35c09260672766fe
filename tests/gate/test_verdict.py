"""The interval decides, and where it cannot, so many samples would."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epsball.gate.baseline import Pairs
from epsball.gate.check import judged
from epsball.gate.verdict import at_least, at_most
from epsball.record import Finding
from epsball.record.statistics import paired_difference, pairs_to_tell, samples_to_tell, wilson
from evaluations import INF, evaluation, rows

RAN = {"one": rows([0], [INF])}


def pairs(lost: int, won: int, n: int) -> Pairs:
    return Pairs(n, n, n, n, n, tuple(range(lost)), tuple(range(lost, lost + won)))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(0, 60), st.floats(0, 1))
def test_robust_accuracy_is_held_by_wilsons_interval(robust: int, broken: int, limit: float) -> None:
    bound = at_least(evaluation([INF] * robust + [0.5] * broken), limit)
    low, high = wilson(robust, robust + broken)
    assert bound.interval == (low, high)
    assert bound.passed is (True if limit <= low else False if limit > high else None)
    assert (bound.needed is None) or bound.passed is None


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 30), st.integers(0, 30), st.floats(0, 0.5))
def test_a_drop_is_held_by_the_interval_of_the_pairs(lost: int, won: int, limit: float) -> None:
    bound = at_most(pairs(lost, won, 100), limit)
    low, high = paired_difference(lost, won, 100)
    assert bound.value == (lost - won) / 100
    assert bound.passed is (True if high <= limit else False if low > limit else None)
    assert bound.needed == (pairs_to_tell(lost, won, 100, limit) if bound.passed is None else None)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 19), st.floats(0.05, 0.95))
def test_so_many_samples_tell(robust: int, limit: float) -> None:
    needed = samples_to_tell(robust, 20, limit)
    if needed is None:
        assert abs(robust / 20 - limit) < 0.001
        return
    low, high = wilson(round(robust * needed / 20), needed)
    assert low >= limit or high < limit


@pytest.mark.parametrize(("robust", "n"), [(67, 100), (131, 200), (199, 300)])
def test_a_gate_beside_the_accuracy_is_undecided_whatever_side_the_figure_is_on(robust: int, n: int) -> None:
    verdict = judged(evaluation([INF] * robust + [0.5] * (n - robust), attacks=RAN), gate=0.66)
    assert verdict.passed is None
    assert verdict.bounds[0].needed is not None
    assert verdict.bounds[0].needed > 10 * n
    assert "samples would tell" in verdict.reason


def test_a_run_that_cannot_be_trusted_has_no_verdict() -> None:
    run = evaluation([INF] * 50, attacks=RAN)
    assert judged(run, gate=0.5).passed is True
    bad = replace(run, findings=[Finding("D01", "FAIL", "It is a guess", "", "")])
    unfinished, bare = replace(run, complete=False), replace(run, attacks={})
    for each, why in ((bad, "It is a guess"), (unfinished, "unfinished"), (bare, "no attack")):
        verdict = judged(each, gate=0.99)
        assert (verdict.passed, verdict.word) == (None, "no verdict")
        assert why in verdict.reason


def test_one_broken_limit_fails_and_one_open_leaves_all_open() -> None:
    run = evaluation([INF] * 50 + [0.5] * 50, attacks=RAN)
    verdict = judged(run, gate=0.2)
    fails, open_, holds = at_most(pairs(30, 0, 100), 0.02), at_most(pairs(3, 1, 100), 0.02), verdict.bounds[0]
    assert [fails.passed, open_.passed, holds.passed] == [False, None, True]
    assert replace(verdict, bounds=(holds, open_, fails)).passed is False
    assert replace(verdict, bounds=(holds, open_)).passed is None
    assert "30.0" in replace(verdict, bounds=(holds, open_, fails)).reason
    assert "undecided" in repr(replace(verdict, bounds=(holds, open_)))


def test_at_the_limit_itself_no_number_of_samples_tells() -> None:
    bound = at_most(pairs(2, 0, 100), 0.02)
    assert bound.passed is None
    assert "no number of samples would tell" in bound.reason
