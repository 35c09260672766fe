"""Under `--json` an error is one document on stdout, and the exit code is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.words import evaluate
from epsball.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]

WRONG = {
    "demo": ["--data", "letters"],
    "evaluate": evaluate(suite="quickest")[1:],
    "compare": ["none", "none"],
    "check": ["nets.py:linear", "--data", "data.npz", "--norm", "linf", "--eps", "0.1", "--baseline", "none.json"],
    "attack": ["nets.py:linear", "--data", "data.npz", "--attack", "pdg", "--norm", "linf", "--eps", "0.1"],
    "transfer": ["nets.py:linear", "nets.py:none", "--data", "data.npz", "--norm", "linf", "--eps", "0.1"],
    "train": ["linear", "--data", "data.npz", "--out", "."],
    "reproduce": ["E99", "--quick"],
    "verify": ["nowhere"],
    "report": ["nowhere"],
    "export": ["nowhere"],
    "list": ["attacks", "pdg"],
}


def error(said: Result) -> dict[str, Any]:
    document = json.loads(said.stdout)
    assert list(document) == ["error"]
    assert document["error"]["exit_code"] == said.exit_code
    assert document["error"]["message"] in said.stderr
    return dict(document["error"])


def test_every_command_but_the_doctor_can_be_given_something_wrong() -> None:
    assert {command.title for command in COMMANDS} - set(WRONG) == {"doctor"}


@pytest.mark.parametrize("command", WRONG)
def test_an_error_is_a_document(call: Call, command: str) -> None:
    said = call(command, *WRONG[command], "--json")
    assert said.exit_code == 2
    assert error(said)["kind"] == "InputError"
    assert len(said.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [["attak"], ["evaluate", "--daat", "x"], ["evaluate"], ["list", "atacks"]])
def test_a_usage_error_is_a_document_and_a_sentence(call: Call, words: list[str]) -> None:
    said = call(*words, "--json")
    assert said.exit_code == 2
    assert error(said)["kind"] == "UsageError"
    plain = call(*words)
    assert plain.stdout == ""
    assert plain.stderr == said.stderr
    assert "--help` says what it takes" in plain.stderr


def test_an_interrupt_and_a_defect_are_documents(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def raised(kind: type[BaseException]) -> Callable[..., None]:
        def fail(*_: object, **__: object) -> None:
            raise kind

        return fail

    monkeypatch.setattr("epsball.cli.evaluate.measure", raised(KeyboardInterrupt))
    said = call(*evaluate("--out", "run", "--json"))
    assert (said.exit_code, error(said)["kind"]) == (130, "Interrupted")
    monkeypatch.setattr("epsball.cli.evaluate.measure", raised(ZeroDivisionError))
    said = call(*evaluate("--json"))
    assert json.loads(said.stdout)["error"]["kind"] == "ZeroDivisionError"


def test_a_refused_verification_is_a_document(call: Call) -> None:
    assert call(*evaluate("--out", "run")).exit_code == 0
    Path("run/samples.parquet").unlink()
    said = call("verify", "run", "--trust-source", "--json")
    assert said.exit_code in {2, 3}
    assert error(said)["message"]
