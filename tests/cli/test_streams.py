"""Closed, full and broken streams, and what a user's model prints: the result, or one meaning of the exit code."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.words import evaluate
from epsball.progress import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]

TALKATIVE = """
import torch
from torch import nn

class Talkative(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(16, 3)
        with torch.no_grad():
            self.linear.weight.copy_(torch.eye(3, 16))
            self.linear.bias.zero_()

    def forward(self, x):
        print("layer by layer")
        return self.linear(x.flatten(1))

print("as it is imported")
make = Talkative
"""


def shell(line: str) -> subprocess.CompletedProcess[str]:
    program = shlex.join([sys.executable, "-m", "epsball"])
    return subprocess.run(
        ["/bin/bash", "-c", line.replace("epsball", program)], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix closes streams")
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"epsball {shlex.join(evaluate('--gate', '0.1'))} 2>&- <&-", 0),
        ("epsball report nowhere 2>&-", 2),
        ("epsball list suites --json 0<&- 1>&- 2>&-", 0),
        ("epsball list suites --json > /dev/full", 2),
        ("set -o pipefail; epsball list attacks | true", 2),
    ],
)
def test_a_closed_stream_is_no_failed_gate(line: str, code: int) -> None:
    done = shell(line)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_progress_without_a_stream_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with shown(None) as moved:
        moved("clean", 1, 2)


@pytest.mark.parametrize(
    "words",
    [
        evaluate("--json", model="talks.py:make"),
        [
            "attack",
            "talks.py:make",
            "--attack",
            "fgsm",
            "--data",
            "data.npz",
            "--norm",
            "linf",
            "--eps",
            "0.1",
            "--json",
        ],
        ["train", "talks.py:make", "--data", "data.npz", "--epochs", "1", "--out", "w.safetensors", "--json"],
    ],
)
def test_what_a_model_prints_is_no_part_of_the_document(call: Call, words: list[str]) -> None:
    Path("talks.py").write_text(TALKATIVE)
    done = call(*words)
    assert json.loads(done.stdout), done.output
    assert "layer by layer" in done.stderr
    assert "as it is imported" in done.stderr


def test_help_beside_json_is_still_on_stdout(call: Call) -> None:
    done = call("evaluate", "--json", "--help")
    assert "--every-sample" in done.stdout
