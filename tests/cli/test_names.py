"""Names in any case, slips with a guess, and attacks of a user's own file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.words import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]

OWN = '''
from dataclasses import dataclass
import epsball as eb

@dataclass(frozen=True)
class Mine(eb.Attack):
    """x <- x + ε sign of the gradient, again and again."""

    steps: int = 3

    def run(self, ask):
        x = ask.x0
        for _ in ask.steps(self.steps):
            _, g = ask.gradient(x, eb.losses.cross_entropy)
            x = ask.threat.ascend(x, g, ask.eps, ask.x0)
        return x
'''


@pytest.mark.parametrize("suite", ["Quick", "FGSM", "PGD,FGSM"])
def test_suites_and_attacks_are_found_in_any_case(call: Call, suite: str) -> None:
    said = call(*evaluate("--json", suite=suite))
    assert said.exit_code == 0, said.stderr
    assert "fgsm" in json.loads(said.stdout)["results"]


def test_the_same_attack_in_other_letters_continues_the_same_run(call: Call) -> None:
    words = ["nets.py:linear", "--data", "data.npz", "--norm", "LINF", "--eps", "0.1", "--out", "run"]
    assert call("attack", *words, "--attack", "PGD").exit_code == 0
    again = call("attack", *words, "--attack", "pgd")
    assert again.exit_code == 0
    assert "is finished already" in again.stderr


def test_data_and_objectives_are_found_in_any_case(call: Call) -> None:
    words = ["linear", "--data", "Digits", "--out", "w.safetensors", "--epochs", "1", "--n", "200"]
    assert call("train", *words, "--objective", "FGSM", "--eps", "0.1").exit_code == 0


def test_an_attack_of_ones_own_file_runs_alone_and_in_a_suite(call: Call) -> None:
    Path("mine.py").write_text(OWN, encoding="utf-8")
    words = ["nets.py:linear", "--data", "data.npz", "--norm", "linf", "--eps", "0.1", "--json"]
    alone = call("attack", *words, "--attack", "mine.py:Mine", "--steps", "5")
    assert alone.exit_code == 0, alone.stderr
    assert json.loads(alone.stdout)["attacks"]["mine.py:Mine"]["settings"]["steps"] == 5
    both = call("evaluate", *words, "--suite", "fgsm,mine.py:Mine", "--out", "run")
    assert both.exit_code == 0, both.stderr
    assert list(json.loads(both.stdout)["results"]) == ["fgsm", "mine.py:Mine"]
    assert (
        "has no setting --stepz; did you mean '--steps'?"
        in call("attack", *words, "--attack", "mine.py:Mine", "--stepz", "5").stderr
    )
