"""Runs held against a baseline: figures, tests, cautions and refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.stats import binomtest

import epsball as eb
from epsball.errors import InputError, UnfinishedError
from epsball.record import Finding
from epsball.record.plan import Real
from evaluations import INF, evaluation
from plans import attack, plan

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

N = 100
FAIL = Finding("D01", "FAIL", "Gradients vanish", "here", "mend it")


def run(robust: int, n: int = N, from_end: int = 0, **fields: Any) -> Evaluation:
    """`robust` of n samples stand, the first ones, or the last where `from_end`."""
    upper = [INF] * robust + [0.05] * (n - robust)
    changes = {name: fields.pop(name) for name in list(fields) if "__" in name or name in {"suite", "every_sample"}}
    made = plan(**{"attacks": {"one": attack()}, "data__n": n, "model__weights": f"{robust}", **changes})
    return evaluation(upper[::-1] if from_end else upper, 0.1, **({"plan": made} | fields))


def test_the_figures_are_those_of_the_runs_and_the_test_is_mcnemars() -> None:
    a, b = run(60), run(45)
    found = eb.compare(a, b, names=["a", "b"])
    (difference,) = found.differences
    assert (float(found.sides[0].robust), float(found.sides[1].robust)) == (0.6, 0.45)
    assert found.sides[0].robust.interval() == a.interval()
    assert difference.robust.difference == pytest.approx(-0.15)
    assert difference.p_adjusted == pytest.approx(binomtest(15, 15).pvalue)
    assert difference.clear
    assert repr(found).startswith("Comparison(robust in l∞, ε = 0.1: a 60.0%, b 45.0% (-15.0 points, -23.")
    assert len(repr(found)) < 200
    assert "b is less robust than a" in found._repr_html_()


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_holm_never_says_less_than_one_test_and_keeps_the_order(kept: list[int]) -> None:
    found = eb.compare(run(20, 20), *(run(each, 20) for each in kept))
    single = [each.robust.p_value for each in found.differences]
    adjusted = [each.p_adjusted for each in found.differences]
    assert all(p <= q <= min(1, len(kept) * p) + 1e-12 for p, q in zip(single, adjusted, strict=True))
    assert (np.diff(np.array(adjusted)[np.argsort(single, kind="stable")]) >= 0).all()
    assert len({side.name for side in found.sides}) == len(kept) + 1, "two runs of one model have two names"


def test_a_difference_that_is_chance_is_not_told_and_the_samples_that_would_tell_are() -> None:
    found = eb.compare(run(60), run(58), names=["a", "b"])
    assert not found.differences[0].clear
    said = found._repr_html_()
    assert "No difference between b and a can be told" in said
    assert "samples would tell it" in said


def test_samples_change_sides_in_both_directions(tmp_path: Path) -> None:
    found = eb.compare(run(60), run(60, from_end=1), names=["a", "b"])
    document = json.loads(found.write(tmp_path / "compare.json").read_text(encoding="utf-8"))
    (difference,) = document["differences"]
    assert difference["lost"] == list(range(40))
    assert difference["won"] == list(range(60, 100))
    assert difference["robust"]["difference"] == 0
    assert document["runs"][1]["robust_accuracy_interval"] == pytest.approx(list(run(60).interval()))


def test_other_samples_are_compared_without_pairs_and_it_is_said() -> None:
    found = eb.compare(run(60), run(40, data__fingerprint="x", data__source="digits"), names=["a", "b"])
    (difference,) = found.differences
    assert not difference.paired
    assert difference.robust.difference == pytest.approx(-0.2)
    low, high = difference.robust.interval()
    assert low < -0.2 < high
    assert "Fisher" in found._repr_html_()
    assert "are not paired, for nothing shows" in found._repr_html_()


def test_shared_samples_alone_are_paired_and_it_is_said() -> None:
    found = eb.compare(run(60), run(30, 50, data__fingerprint="x"), names=["a", "b"])
    assert found.differences[0].robust.difference == pytest.approx(-0.4)
    assert "a and b share 50 samples, of 100 and 50" in found._repr_html_()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"suite": "standard"}, "differ in the suite (quick 1; standard 1): one model was attacked harder"),
        ({"suite_version": 2}, "differ in the suite (quick 1; quick 2)"),
        ({"attacks": {"one": attack(settings={"steps": 10_000})}}, "differ in the attacks or their settings"),
        ({"every_sample": True}, "differ in every_sample"),
        ({"threat__levels": 256}, "differ in the values that a feature may have"),
        ({"data__shape": (3, 2, 2)}, "differ in the shape of the inputs"),
        ({"model__weights": "60"}, "a and b have the same weights"),
        ({"threat__eps": Real(0.3)}, "b has ε = 0.3 and is read at 0.1"),
    ],
)
def test_what_was_not_made_alike_is_said(changes: dict[str, Any], said: str) -> None:
    assert eb.compare(run(60), run(50), names=["a", "b"]).cautions == ()
    made = plan(**{"attacks": {"one": attack()}, "data__n": N, "model__weights": "50", **changes})
    other = evaluation(run(50).upper.tolist(), 0.1, plan=made)
    (caution,) = eb.compare(run(60), other, names=["a", "b"]).cautions
    assert said in caution


def test_what_cannot_be_compared_is_refused() -> None:
    a = run(60)
    with pytest.raises(InputError, match="in l∞ and b in l2, and no ε of one is an ε of the other"):
        eb.compare(a, run(50, threat__norm="l2"), names=["a", "b"])
    with pytest.raises(UnfinishedError, match="b is unfinished"):
        eb.compare(a, run(50, complete=False), names=["a", "b"])
    aimed = plan(attacks={"one": replace(attack(), only_towards=(3,))}, data__n=N)
    with pytest.raises(InputError, match="looked for any error and those of b for class 3"):
        eb.compare(a, run(50, plan=aimed), names=["a", "b"])
    with pytest.raises(InputError, match="1 run given"):
        eb.compare(a)
    with pytest.raises(InputError, match=r"stopped at ε = 0\.1"):
        eb.compare(a, a, eps=0.3)
    with pytest.raises(InputError, match="1 names were given for 2 runs"):
        eb.compare(a, a, names=["a"])
    far = [evaluation([0.2, 0.4, 0.6], INF, seconds=i) for i in (0.0, 1.0)]
    with pytest.raises(InputError, match=r"such as 0\.4, where half the errors"):
        eb.compare(*far)
    assert float(eb.compare(*far, eps=0.3).sides[0].robust) == pytest.approx(2 / 3)


def test_a_failed_check_stands_beside_the_number() -> None:
    found = eb.compare(run(60), run(50, findings=[FAIL]), names=["a", "b"])
    assert not found.trusted
    assert repr(found).endswith("not trusted)")
    assert "b is not trusted, D01: Gradients vanish" in found._repr_html_()


def test_the_frame_has_a_row_for_each_run() -> None:
    found = eb.compare(run(60), run(50), run(40)).to_pandas()
    assert isinstance(found, pd.DataFrame)
    assert found["robust"].tolist() == [0.6, 0.5, 0.4]
    assert found["difference"].isna().tolist() == [True, False, False]
    assert (found["robust_low"] < found["robust"]).all()


def test_all_curves_stand_in_one_figure() -> None:
    figure = eb.compare(run(60), run(50), names=["one", "two"]).plot()
    assert len(figure.axes) == 1
    shown = figure.axes[0].get_legend_handles_labels()[1]
    assert {"one", "two"} <= set(shown)


def test_markdown_has_as_many_cells_in_every_line_and_goes_over_its_like_only(tmp_path: Path) -> None:
    found = eb.compare(run(60), run(50, findings=[FAIL]), names=["a|b", "<i>"])
    path = found.write(tmp_path / "compare.md")
    text = path.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert len({line.replace(r"\|", "").count("|") for line in rows}) == 1
    assert "<i>" not in text.replace(r"\<i\>", "")
    assert "FAIL" in rows[-1]
    assert found.write(path).read_text(encoding="utf-8") == text
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is there already and is no report"):
        found.write(path)
    with pytest.raises(InputError, match="the format was given as 'pdf'"):
        found.write(tmp_path / "x", format="pdf")
