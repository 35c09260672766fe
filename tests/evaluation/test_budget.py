"""An evaluation within a time: whole rounds, the same for a seed, and what is left out is said."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import epsball as eb
from epsball.errors import InputError, OtherConfigurationError, UnfinishedError
from epsball.evaluation.budget import Budget, round_ends
from epsball.evaluation.evaluate import evaluate
from epsball.record.reading import read_run
from epsball.report.rounds import in_time, skipped
from toy import EPS, SUITE, Affine, Interrupted, Jittery, exact_radius, same, samples, toy_run

if TYPE_CHECKING:
    from pathlib import Path


N = 120
DATA = samples(N)


def run(budget: str | None = None, out: Path | None = None, **more: Any) -> eb.Evaluation:
    return toy_run(out=out, data=DATA, chunk_size=1024, budget=budget, **more)


@pytest.mark.parametrize(
    ("given", "seconds", "rounds"),
    [
        ("60s", 60, None),
        ("5m", 300, None),
        ("1h", 3600, None),
        (2.5, 2.5, None),
        ("1.5 min", 90, None),
        ("12 rounds", None, 12),
    ],
)
def test_a_budget_is_a_time_or_a_number_of_rounds(
    given: str | float, seconds: float | None, rounds: int | None
) -> None:
    budget = Budget.of(given)
    assert (budget.seconds, budget.rounds) == (seconds, rounds)


@pytest.mark.parametrize(
    "given", ["soon", "-1s", "0", "inf", "1.5 rounds", "0 rounds", "5 days", "", "1..2s", float("nan")]
)
def test_what_is_no_budget_is_refused(given: str | float) -> None:
    with pytest.raises(InputError, match=r"the budget was given as .* expected a time such as 60s, 5m or 1h"):
        Budget.of(given)


@given(st.integers(1, 5000), st.integers(1, 300))
def test_rounds_cover_all_samples_and_grow_slowly(n: int, most: int) -> None:
    ends = list(round_ends(n, most))
    sizes = np.diff([0, *ends])
    assert ends[-1] == n
    assert (sizes > 0).all()
    assert (sizes <= most).all()
    assert all(size <= max(8, done / 4) for done, size in zip(ends, sizes[1:], strict=False))


def test_rounds_are_the_first_of_the_same_rows() -> None:
    whole, part, more = run(), run("3 rounds"), run("6 rounds")
    assert (len(part), len(more)) == (24, 48)
    assert part.ids.tolist() == more.ids[:24].tolist() != list(range(24))
    at = [whole.ids.tolist().index(sample) for sample in more.ids.tolist()]
    for name in ("label", "clean", "lower", "upper", "by", "queries", "gradients"):
        assert np.array_equal(getattr(more, name), getattr(whole, name)[at])
    assert run("99 rounds").robust_accuracy() == whole.robust_accuracy()
    assert run("3 rounds", seed=1).ids.tolist() != part.ids.tolist()
    assert same(part, run("3 rounds"))


def test_a_clock_decides_the_number_of_rounds_alone(tmp_path: Path) -> None:
    data = samples(4000)
    started = time.monotonic()
    timed = evaluate(Affine(), data, eb.Threat("linf", EPS), SUITE, budget="1.5s", out=tmp_path / "run")
    assert (
        time.monotonic() - started < 1.5 * 1.5
    )  # a tenth of 60 s is; of a second and a half, a busy machine takes more
    budget = timed.plan.budget
    assert budget is not None
    assert (budget.seconds, budget.samples) == (1.5, 4000)
    assert 8 <= len(timed) < 4000
    assert same(timed, evaluate(Affine(), data, eb.Threat("linf", EPS), SUITE, budget=f"{budget.rounds} rounds"))
    assert same(timed, read_run(tmp_path / "run"))
    eb.verify(tmp_path / "run", Affine())
    again = evaluate(Affine(), data, eb.Threat("linf", EPS), SUITE, budget="1.5s", out=tmp_path / "run")
    assert again.reused
    assert same(timed, again)


def test_a_run_within_rounds_goes_on_to_more_and_to_all(tmp_path: Path) -> None:
    out = tmp_path / "run"
    certifiers = [exact_radius(0.9)]
    run("3 rounds", out, certifiers=certifiers)
    rows = {file.name: file.stat().st_mtime_ns for file in (out / "attacks").rglob("00000.parquet")}
    longer = run("6 rounds", out, certifiers=certifiers)
    assert same(longer, run("6 rounds", certifiers=certifiers))
    assert same(longer, read_run(out))
    with pytest.raises(OtherConfigurationError, match="a run of 6 rounds, and 3 were asked for"):
        run("3 rounds", out, certifiers=certifiers)
    whole = run(None, out, certifiers=certifiers)
    assert len(whole) == N
    assert same(whole, run("99 rounds", certifiers=certifiers))
    assert same(whole, read_run(out))
    assert {file.name: file.stat().st_mtime_ns for file in (out / "attacks").rglob("00000.parquet")} == rows
    eb.verify(out, Affine())
    assert run(None, out, certifiers=certifiers).reused


@pytest.mark.parametrize("moment", [4, 12, 19, 30])
def test_a_run_that_was_killed_goes_on(tmp_path: Path, moment: int) -> None:
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run("6 rounds", out, progress=Interrupted(moment))
    with pytest.raises(UnfinishedError, match="no results yet"):
        read_run(out)
    with pytest.raises(KeyboardInterrupt):
        run("6 rounds", out, progress=Interrupted(moment))
    assert same(run("6 rounds", out), run("6 rounds"))
    assert same(run("6 rounds", out), read_run(out))


def test_other_samples_and_other_plans_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run("3 rounds", out)
    x, y = DATA
    for data, said in (((x[:100], y[:100]), "budget.samples"), ((x + 0.001, y), "data.fingerprint")):
        with pytest.raises(OtherConfigurationError, match=said):
            toy_run(out=out, data=data, chunk_size=1024, budget="6 rounds")
    with pytest.raises(OtherConfigurationError, match="seed"):
        run("6 rounds", out, seed=1)
    run(None, tmp_path / "plain")
    with pytest.raises(OtherConfigurationError, match="budget"):
        run("3 rounds", tmp_path / "plain")


class Hurry:
    """A clock that runs out after so many reports of progress in rounds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, reports: int) -> None:
        self.left = reports
        monkeypatch.setattr(Budget, "over", property(self._over))

    def _over(self, budget: Budget) -> bool:
        self.left -= budget.seconds is not None
        return self.left < 0 and budget.seconds is not None


def test_a_round_that_does_not_end_in_time_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    for place in (None, out):
        Hurry(monkeypatch, 60)
        found = run("1h", place)
        assert found.plan.budget is not None
        assert 8 <= len(found) < N
        assert same(found, run(f"{found.plan.budget.rounds} rounds"))
        assert {example.id for example in found.examples()} <= set(found.ids.tolist())
    assert same(found, read_run(out))
    eb.verify(out, Affine())
    assert same(run("9 rounds", out), run("9 rounds"))


def test_a_budget_for_not_one_round_is_an_error_and_the_work_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Hurry(monkeypatch, 12)
    with pytest.raises(UnfinishedError, match="the budget of 3600 s was over before the first 8 samples"):
        run("1h", tmp_path / "run")
    assert list((tmp_path / "run" / "attacks").rglob("*.parquet"))
    assert same(run("3 rounds", tmp_path / "run"), run("3 rounds"))


def test_labels_of_a_model_that_draws_stay_as_they_were(tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = run("3 rounds", out, model=Jittery(), anyway=True)
    more = run("6 rounds", out, model=Jittery(), anyway=True)
    assert np.array_equal(first.clean, more.clean[:24])
    assert np.array_equal(first.upper, more.upper[:24])
    assert same(more, read_run(out))


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    found = run("3 rounds", tmp_path / "run", source="toy")
    assert skipped(found) == N - 24
    assert in_time(found).startswith("evaluated 24 of 120 samples in ")
    assert "3 whole rounds" in in_time(found)
    page = eb.write_report(found, tmp_path / "run").read_text(encoding="utf-8")
    assert "The other 96 images." in page
    text = eb.write_report(found, tmp_path / "run", format="json").read_text(encoding="utf-8")
    assert json.loads(text)["budget"] == {"seconds": None, "rounds": 3, "samples": N}
    assert in_time(run()) == in_time(run("99 rounds")) == ""


def test_samples_of_the_target_are_left_out_of_rounds_too() -> None:
    suite = {"pgd": eb.attacks.Targeted(eb.PGD(steps=4, rate=0.5), 1)}
    found, whole = run("4 rounds", suite=suite), run(suite=suite)
    assert len(found) + found.plan.data.left_out == 32
    assert (found.label != 1).all()
    at = [whole.ids.tolist().index(sample) for sample in found.ids.tolist()]
    assert np.array_equal(found.upper, whole.upper[at])
    assert skipped(found) == N - 32
