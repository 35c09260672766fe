"""Weights that were forgotten cost one clean pass, not a whole suite."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

import epsball as eb
from cli.words import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


BRIGHT = """
def bright():
    net = linear()
    return lambda x: torch.where((x.amax((1, 2, 3)) > 2) | (x[:, 0, 3, 3] < 0.5), 1, -1)[:, None] * net(x)
"""


def test_a_forgotten_normalisation_is_mended_by_the_line_that_is_printed(call: Call, at_home: Path) -> None:
    (at_home / "nets.py").write_text((at_home / "nets.py").read_text() + BRIGHT)
    words = ["evaluate", "nets.py:bright", "--data", "data.npz", "--norm", "linf", "--eps", "0.1", "--suite", "quick"]
    said = call(*words, "--out", "run")
    assert said.exit_code == 3
    stopped = eb.load_run("run")
    assert "robust not measured" in repr(stopped)
    assert "do first what" in stopped.findings[0].remedy
    line = said.stderr.split("Next:")[1].strip().splitlines()[0]
    assert line.endswith("--mean 0 --std 0.003922 --out run")
    said = call(*shlex.split(line)[1:])
    assert said.exit_code == 0, said.stderr
    assert "held only the clean pass of another run" in said.stderr
    assert eb.load_run("run").trusted
    assert call(*words, "--out", "run").exit_code == 2, "what has attacks is not replaced"


def test_another_number_of_samples_is_said_before_the_fingerprint(call: Call) -> None:
    words = ["evaluate", "nets.py:linear", "--data", "data.npz", "--norm", "linf", "--eps", "0.1", "--suite", "fgsm"]
    call(*words, "--out", "run")
    assert "data.n = 40, this one has data.n = 20" in call(*words, "--out", "run", "--n", "20").stderr
