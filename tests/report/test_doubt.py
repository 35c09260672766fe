"""A number with a failed check stands nowhere without it, and what no program can decide stands open in every report."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from epsball.cli.exit_codes import ExitCode, of_run
from epsball.cli.output import results
from epsball.diagnostics import CHECKS
from epsball.integrations import values
from epsball.record import Finding
from epsball.report import write_report
from epsball.report.checklist import checklist, short
from epsball.report.document import document
from epsball.report.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Evaluation

    Make = Callable[..., tuple[Evaluation, Path]]

FAILED = Finding("D04", "FAIL", "The gradient vanishes", "64 of 64 samples", "replace the layer")
FAILING = sorted(name for name in CHECKS if CHECKS[name].severity == "FAIL")


def terminal(run: Evaluation) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200).print(results(run))
    return stream.getvalue()


def logged(run: Evaluation) -> str:
    assert values.figures(run)["robustness/failed_checks"] == len(run.failed)
    return " ".join(run.failed) and str(values.settings(run))


SHOWN: dict[str, Callable[[Evaluation], str]] = {
    "repr": repr,
    "notebook": lambda run: run._repr_html_(),
    "terminal": terminal,
    "--json": lambda run: json.dumps(document(run, None)),
    "trackers": logged,
    "plot": lambda run: str([axes.get_xlabel() for axes in run.plot().axes]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_the_failed_check_and_only_that(make_run: Make, name: str) -> None:
    doubted, sound = (
        write_report(*make_run(f"run-{len(findings)}", findings=findings), format=name).read_text(encoding="utf-8")
        for findings in ((FAILED,), ())
    )
    assert "D04" in doubted
    assert "D04" not in sound


@pytest.mark.parametrize("name", SHOWN)
def test_so_does_all_else_that_shows_a_figure(make_run: Make, name: str) -> None:
    assert "D04" in SHOWN[name](make_run("doubted", findings=(FAILED,))[0])
    assert "D04" not in SHOWN[name](make_run("sound")[0])


def test_every_row_of_the_spreadsheet_carries_it(make_run: Make) -> None:
    text = write_report(*make_run(findings=(FAILED,)), format="csv").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text)))
    assert {row["failed_checks"] for row in rows} == {"D04"}


@pytest.mark.parametrize("name", FAILING)
def test_any_failed_check_takes_the_trust_away_and_ends_with_3(make_run: Make, name: str) -> None:
    run, _ = make_run(findings=(Finding(name, "FAIL", "it failed", "", ""),))
    assert not run.trusted
    assert run.failed == (name,)
    assert of_run(run) is ExitCode.NO_NUMBER
    assert of_run(make_run("other", findings=(Finding(name, "WARN", "it may", "", ""),))[0]) is ExitCode.DONE


@pytest.mark.parametrize("name", ["html", "markdown", "latex", "json", "model-card"])
def test_what_no_program_can_answer_stands_open_in_every_report(make_run: Make, name: str) -> None:
    run, folder = make_run()
    text = write_report(run, folder, format=name).read_text(encoding="utf-8")
    for question in checklist(run):
        assert question.name in text
    assert "none supplied" in text
    assert "none supplied" in short(run)


def test_an_attack_from_outside_is_named_and_the_question_stays_open(make_run: Make) -> None:
    run, _ = make_run()
    first = next(iter(run.plan.attacks.values()))
    own = {**run.plan.attacks, "mine": first.__class__(**{**_fields(first), "kind": "mine:Attack"})}
    plan = run.plan.__class__(**{**_fields(run.plan), "attacks": own})
    changed = run.__class__(**{**vars(run), "plan": plan})
    assert checklist(changed)[0].known == "mine supplied from outside the library"
    assert len(checklist(changed)) == len(checklist(run))


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}
