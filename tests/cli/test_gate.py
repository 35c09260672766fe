"""The gate asks for at least its share."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from cli.words import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

SAMPLES = 40


@pytest.mark.parametrize(("more", "code"), [(-1, 0), (0, 0), (1, 1)])
def test_a_gate_at_the_accuracy_itself_is_passed(call: Callable[..., Result], more: int, code: int) -> None:
    accuracy = json.loads(call(*evaluate("--json")).stdout)["robust_accuracy"]
    standing = Fraction(accuracy).limit_denominator(SAMPLES) * SAMPLES
    assert 0 < standing < SAMPLES
    said = call(*evaluate("--gate", f"{standing + more}/{SAMPLES}"))
    assert said.exit_code == code
    assert ("Gate failed" in said.stderr) == (code == 1)
