"""The gate asks whether the whole interval is above its share, wholly below it, or neither."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.words import evaluate
from epsball.record.statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

SAMPLES = 40


def test_the_interval_decides(call: Callable[..., Result]) -> None:
    found = json.loads(call(*evaluate("--json")).stdout)
    assert (found["gate"], found["passed"], found["trusted"]) == (None, None, True)
    standing = round(found["robust_accuracy"] * SAMPLES)
    low, high = wilson(standing, SAMPLES)
    assert 0 < low < high < 1
    for gate, code, passed in (
        (low - 0.001, 0, True),
        (low + 0.001, 3, None),
        (standing / SAMPLES, 3, None),
        (high - 0.001, 3, None),
        (high + 0.001, 1, False),
    ):
        said = call(*evaluate("--gate", f"{gate}", "--json"))
        assert said.exit_code == code
        told = json.loads(said.stdout)
        assert told["passed"] is passed
        assert told["gate"]["limits"][0]["interval"] == [low, high]
        assert told["gate"]["verdict"] in said.stderr
        assert ("samples would tell" in said.stderr) == (code == 3)


@pytest.mark.parametrize("gate", ["1.5", "-1", "no", "101%"])
def test_what_is_no_share_is_refused(call: Callable[..., Result], gate: str) -> None:
    said = call(*evaluate("--gate", gate, "--json"))
    assert said.exit_code == 2
    assert "--gate was given as" in json.loads(said.stdout)["error"]["message"]
