"""Weights that were forgotten cost one clean pass, not a whole suite."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.words import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]

GUESSER = {"model": "zoo:linear", "data": "digits"}


def test_forgotten_weights_end_after_the_clean_pass_with_exit_code_3(call: Call) -> None:
    said = call(*evaluate("--json", **GUESSER))
    assert said.exit_code == 3
    document = json.loads(said.stdout)
    assert document["results"] == {}
    assert document["findings"][0]["id"] == "D16"
    assert "no attack was run" in said.stderr
    assert "--anyway" in said.stderr


@pytest.mark.parametrize("command", ["evaluate", "attack"])
def test_anyway_runs_the_attacks_and_the_exit_code_stays(call: Call, command: str) -> None:
    words = [
        command,
        "zoo:linear",
        "--data",
        "digits",
        "--norm",
        "linf",
        "--eps",
        "0.1",
        "--n",
        "40",
        "--anyway",
        "--json",
    ]
    said = call(*words, *(["--suite", "fgsm"] if command == "evaluate" else ["--attack", "fgsm"]))
    assert said.exit_code == 3
    assert list(json.loads(said.stdout)["results"]) == ["fgsm"]


@pytest.mark.parametrize("command", ["evaluate", "attack"])
def test_another_accuracy_than_expected_ends_after_the_clean_pass_with_exit_code_3(call: Call, command: str) -> None:
    words = [command, "nets.py:linear", "--data", "data.npz", "--norm", "linf", "--eps", "0.1", "--json"]
    words += ["--suite" if command == "evaluate" else "--attack", "fgsm"]
    clean = json.loads(call(*words).stdout)["clean_accuracy"]
    assert call(*words, "--expect-clean", repr(clean)).exit_code == call(*words).exit_code
    said = call(*words, "--expect-clean", "0.5" if clean > 0.9 else "1")
    assert said.exit_code == 3
    document = json.loads(said.stdout)
    assert document["results"] == {}
    assert document["findings"][0]["id"] == "D53"
