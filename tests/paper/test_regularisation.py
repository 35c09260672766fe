from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from epsball.models.wrap import wrap
from epsball.paper import regularisation
from epsball.paper.experiment import Verdict, verdict
from epsball.report.svg import inline
from toy import Affine, closed_form, samples

if TYPE_CHECKING:
    from epsball.paper.figure import Figure

KINDS = [(part, eps) for part in regularisation.PARTS for eps in regularisation.EPSILONS]


def figure(value: float) -> Figure:
    return {"value": value, "low": value - 0.001, "high": value + 0.001, "n": 10_000}


def supporting() -> dict[str, Any]:
    def runs(clean: float, examples: float, budgets: tuple[float, ...]) -> list[dict[str, Any]]:
        fooled = {str(eps): figure(examples) for eps in budgets}
        return [{"clean": figure(clean + jitter), "examples": dict(fooled)} for jitter in (-0.0005, 0.0, 0.0005)]

    arms = regularisation.ARMS
    parts = {
        part: {
            arm: runs(0.015, 0.2, eps) if eps else runs(0.02, 0.9, regularisation.EPSILONS) for arm, eps in arms.items()
        }
        for part in regularisation.PARTS
    }
    return {"parts": parts, "setting": "by hand"}


def test_holds() -> None:
    checks = regularisation.judge(supporting())
    assert len(checks) == len(KINDS) + len(regularisation.EPSILONS)
    assert verdict(checks) is Verdict.HOLDS


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_more_errors_are_seen(place: int) -> None:
    measured, (part, eps) = supporting(), KINDS[place]
    for run in measured["parts"][part][regularisation.with_examples(eps)]:
        run["clean"] = figure(0.021)
    checks = regularisation.judge(measured)
    assert [check.holds for check in checks] == [each != place for each in range(len(checks))]
    assert verdict(checks) is Verdict.PARTLY


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_a_difference_of_one_seed_only_is_seen(place: int) -> None:
    measured, (part, eps) = supporting(), KINDS[place]
    for run, clean in zip(
        measured["parts"][part][regularisation.with_examples(eps)], (0.0195, 0.02, 0.001), strict=True
    ):
        run["clean"] = figure(clean)
    checks = regularisation.judge(measured)
    assert [check.holds for check in checks] == [each != place for each in range(len(checks))]


@pytest.mark.parametrize("eps", regularisation.EPSILONS)
def test_errors_on_examples_that_stay_are_seen(eps: float) -> None:
    measured = supporting()
    for run in measured["parts"]["all data"][regularisation.with_examples(eps)]:
        run["examples"][str(eps)] = figure(0.6)
    checks = regularisation.judge(measured)
    wrong = len(KINDS) + regularisation.EPSILONS.index(eps)
    assert [check.holds for check in checks] == [each != wrong for each in range(len(checks))]


def test_tables_and_pictures() -> None:
    measured = supporting()
    (table,) = regularisation.tables(measured)
    assert len(table.rows) == len(regularisation.PARTS) * len(regularisation.ARMS) * len(regularisation.SEEDS)
    assert all(len(row) == len(table.columns) for row in table.rows)
    (picture,) = regularisation.pictures(measured)
    assert inline(picture.plot, "regularisation", picture.caption).startswith("<svg")


def test_three_differences_have_students_interval() -> None:
    found = regularisation.paired([3.0, 5.0, 7.0], [2.0, 3.0, 4.0])  # 1, 2, 3: mean 2, deviation 1
    half = 4.302653 / 3**0.5  # t with two degrees of freedom, from a table
    assert found == pytest.approx({"value": 2.0, "low": 2 - half, "high": 2 + half, "n": 3}, rel=1e-3)


def test_errors_of_an_affine_model_are_its_closed_form() -> None:
    x, y = samples(60, wrong=6)
    found = regularisation.errors(wrap(Affine()), (x, y), (0.001, 0.02))
    assert found["clean"]["value"] == pytest.approx(0.1)
    near = closed_form(x, y)
    for eps in (0.001, 0.02):
        assert 0.1 <= found["examples"][str(eps)]["value"] <= (near <= eps).mean() + 1e-9
    assert found["examples"]["0.02"]["value"] > 0.2
