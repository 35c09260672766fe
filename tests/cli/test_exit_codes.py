"""One meaning for each exit code, whichever command ends with it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import epsball.diagnostics
from cli.words import evaluate
from epsball.cli.exit_codes import CODES, ExitCode, of_error, of_run, of_verdict
from epsball.errors import (
    FolderLostError,
    InputError,
    ModelError,
    OtherConfigurationError,
    UnfinishedError,
    UntrustworthyError,
)
from epsball.gate.check import judged
from epsball.record import Finding, RunFolder
from toy import toy_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from typer.testing import Result

    from epsball.record import Evaluation

    Call = Callable[..., Result]

FAIL = Finding("D99", "FAIL", "the gradients are zero", "40 of 40 samples", "repair the model")
README = Path(__file__).parents[2] / "README.md"


def stopped(call: Call, monkeypatch: pytest.MonkeyPatch) -> Result:
    """An evaluation that is interrupted once the first columns of its samples are written."""
    write = RunFolder.write_clean

    def interrupt(folder: RunFolder, columns: dict[str, NDArray[Any]]) -> None:
        write(folder, columns)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "write_clean", interrupt)
        return call(*evaluate("--out", "run"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x"), 2),
        (OtherConfigurationError("x"), 2),
        (ModelError("x"), 2),
        (PermissionError("x"), 2),
        (UntrustworthyError("x"), 3),
        (FolderLostError("x"), 3),
        (UnfinishedError("x"), 3),
    ],
)
def test_an_errors_code(error: Exception, code: int) -> None:
    assert of_error(error) == code


def test_every_error_of_the_library_has_a_code() -> None:
    own = {
        value for value in vars(epsball.errors).values() if isinstance(value, type) and not issubclass(value, Warning)
    }
    assert {kind for kind in own if not issubclass(kind, tuple(CODES))} == set()


@pytest.mark.parametrize(("gate", "code"), [(None, 0), (0.0, 0), (0.2, 0), (0.99, 1)])
def test_a_runs_code(gate: float | None, code: int) -> None:
    run = toy_run()
    assert of_verdict(judged(run, gate=gate)) == code
    unfinished = replace(run, complete=False)
    assert of_verdict(judged(unfinished, gate=gate)) == of_run(unfinished) == ExitCode.NO_NUMBER


def test_a_gate_at_the_accuracy_itself_is_undecided(run: Evaluation) -> None:
    assert of_verdict(judged(run, gate=run.robust_accuracy())) == ExitCode.NO_NUMBER


def test_the_report_ends_as_the_run_that_it_shows(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(*evaluate("--out", "good")).exit_code == 0
    assert call("report", "good").exit_code == 0
    monkeypatch.setattr(epsball.diagnostics, "preflight", lambda *_: [FAIL])
    assert call(*evaluate("--out", "bad")).exit_code == 3
    said = call("report", "bad")
    assert said.exit_code == 3
    assert said.stdout.strip() == "bad/report.html"
    assert "do not quote it" in said.stderr


def test_an_unfinished_run_has_no_number_to_quote(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stopped(call, monkeypatch).exit_code == 130
    for words in (("report", "run"), ("verify", "run", "--trust-source")):
        said = call(*words)
        assert said.exit_code == 3, said.output
        assert "unfinished" in said.stderr
    assert call(*evaluate("--out", "run")).exit_code == 0
    assert call("verify", "run", "--trust-source").exit_code == 0


def test_a_run_folder_that_goes_away_while_it_is_written(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    write = RunFolder.write_findings

    def removed(folder: RunFolder, findings: list[Finding]) -> None:
        write(folder, findings)
        shutil.rmtree(folder.path)

    monkeypatch.setattr(RunFolder, "write_findings", removed)
    said = call(*evaluate("--out", "run"))
    assert said.exit_code == 3
    assert "run was moved or deleted while a run was written" in said.stderr
    assert not Path("run").exists()


def test_the_front_page_says_what_each_code_means() -> None:
    lines = re.findall(r"^\| exit code (\d+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number in lines] == [int(code) for code in ExitCode]
