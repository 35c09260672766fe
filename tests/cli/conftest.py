"""A small data set and models in a file, as a user would bring them, and a way to call the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from epsball.cli import app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    Call = Callable[..., Result]

MODELS = """
import os, time
import torch
from torch import nn

def linear():
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with torch.no_grad():
        net[1].weight.copy_(torch.eye(3, 16))
        net[1].bias.zero_()
    return net

def centred():
    net = linear()
    return lambda x: net(x * 0.5 + 0.5)

def dictionary():
    net = linear()
    return lambda x: {"scores": net(x), "hidden": x}

def nan():
    net = linear()
    return lambda x: net(x) * float("nan")

def probabilities():
    return nn.Sequential(linear(), nn.Softmax(1))

def one_logit():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 1))

def raises():
    def forward(x):
        raise RuntimeError("the disk of the model server is full")
    return forward

def late():
    net, calls = linear(), []
    def forward(x):
        calls.append(len(x))
        if len(calls) > 30:
            raise RuntimeError("lost the connection")
        return net(x)
    return forward

def slow():
    net = linear()
    def forward(x):
        if torch.is_grad_enabled() and os.path.exists("slow") and os.path.exists("run/attacks/00-noise/00000.parquet"):
            open("asleep", "w").close()
            time.sleep(20)
        return net(x)
    return forward

def without_gradient():
    net = linear()
    def forward(x):
        with torch.no_grad():
            return net(x)
    return forward

no_factory = 3
"""


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with `nets.py` and `data.npz`: 40 grey pictures of 4 × 4, three classes by their brightest corner."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EPSBALL_DATA", raising=False)
    (tmp_path / "nets.py").write_text(MODELS)
    random = np.random.default_rng(0)
    x = random.random((40, 1, 4, 4)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=x.reshape(40, 16)[:, :3].argmax(1))
    return tmp_path


@pytest.fixture
def call() -> Call:
    """A function from the words of a command line to its result; the shell's terminal settings do not matter."""
    runner = CliRunner(
        env={"COLUMNS": "120", "TERM": "dumb", "NO_COLOR": "1", **{k: v for k, v in os.environ.items() if k == "HOME"}}
    )
    return lambda *words: runner.invoke(app, [str(word) for word in words])
