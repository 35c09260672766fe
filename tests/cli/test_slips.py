"""Slips of the hand on the command line: each sentence names what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.test_bad_input import refused
from cli.test_names import OWN
from cli.words import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (evaluate(suite="pdg"), "there is no suite 'pdg'; did you mean 'pgd'?"),
        (evaluate(suite="mine.py:Min"), "did you mean 'Mine'?"),
        (evaluate("--attack", "pgd"), "there is no option --attack; --suite takes attacks by name too"),
        (["verify", "."], "give the folder that evaluate wrote with --out"),
        (["report", "."], "give the folder that evaluate wrote with --out"),
        (["export", "."], "give the folder that evaluate wrote with --out"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(call: Call, words: list[str], said: str) -> None:
    Path("mine.py").write_text(OWN, encoding="utf-8")
    refused(call(*words), said)


def test_the_help_says_that_an_attack_may_stand_in_a_file(call: Call) -> None:
    assert "file.py:Class" in " ".join(call("attack", "--help").output.replace("│", " ").split())
