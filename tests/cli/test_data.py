"""Data of a factory and photographs of any size on the command line, and the lines that repeat such a run."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from epsball.record import read_run
from epsball.report.repeat import python, repeat

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]

SETS = """
import numpy as np
import torch

def make():
    x = (0.7 * torch.eye(3, 16).reshape(3, 1, 4, 4) + 0.2).repeat(4, 1, 1, 1)
    return x, torch.arange(12) % 3

def bright():
    x, y = make()
    return (x * 255).byte(), y
"""
MODEL = """
from dataclasses import replace
import torch
from torch import nn
import epsball as eb

def make():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.LazyLinear(2))
        net(torch.zeros(1, 3, 8, 8))
    return net.eval()

def sized():
    return replace(eb.wrap(make()), input_size=(16, 16))
"""
REST = ["--norm", "linf", "--eps", "0.1", "--suite", "fgsm,pgd", "--anyway"]


@pytest.fixture(autouse=True)
def files() -> None:
    Path("sets.py").write_text(SETS, encoding="utf-8")
    Path("photo.py").write_text(MODEL, encoding="utf-8")
    draws = np.random.default_rng(0)
    for name, side in (("cat", 30), ("dog", 44)):
        Path("photos", name).mkdir(parents=True)
        for row in range(3):
            stream = io.BytesIO()
            Image.fromarray(draws.integers(0, 256, (20 + row, side, 3), np.uint8)).save(stream, "PNG")
            Path("photos", name, f"{row}.png").write_bytes(stream.getvalue())


def test_a_factory_is_data_and_its_code_is_recorded(call: Call) -> None:
    said = call("evaluate", "nets.py:linear", "--data", "sets.py:make", *REST, "--out", "run", "--json")
    assert said.exit_code in {0, 3}, said.stderr
    run = read_run("run")
    assert (run.plan.data.source, run.plan.data.split, run.plan.data.n) == ("sets.py:make", "", 12)
    assert list(run.plan.data.code) == ["sets.py"]
    assert "sets.py:make has no test split" in said.stderr
    assert call("verify", "run", "--trust-source").exit_code == 0
    lines = repeat(run, Path("run"))["lines"]
    assert "read_inputs('run')" in lines
    Path("sets.py").write_text(SETS.replace("0.7", "0.6"), encoding="utf-8")
    again = call("evaluate", "nets.py:linear", "--data", "sets.py:make", *REST, "--out", "run")
    assert again.exit_code == 2
    assert "data.fingerprint" in again.stderr
    assert call("verify", "run", "--trust-source").exit_code == 0, "verify runs no code of the data: it has the inputs"


def test_the_line_that_repeats_a_run_on_a_factory(call: Call) -> None:
    words = [
        "nets.py:linear",
        "--data",
        "sets.py:make",
        "--norm",
        "linf",
        "--eps",
        "0.1",
        "--suite",
        "quick",
        "--anyway",
    ]
    said = call("evaluate", *words, "--out", "run")
    assert said.exit_code in {0, 3}, said.stderr
    line = repeat(read_run("run"), Path("run"))["lines"].splitlines()[0]
    assert "--data sets.py:make" in line
    assert call(*shlex.split(line)[1:], "--out", "again").exit_code in {0, 3}
    assert np.array_equal(read_run("again").upper, read_run("run").upper)


def test_eight_bits_are_said_once(call: Call) -> None:
    said = call("evaluate", "nets.py:linear", "--data", "sets.py:bright", *REST)
    assert said.exit_code in {0, 3}, said.stderr
    assert said.stderr.count("Note: the images have 8-bit pixels, 0 to 255, and are divided by 255.") == 1


def test_photographs_need_a_size_and_the_run_is_repeated_with_it(call: Call) -> None:
    words = [
        "evaluate",
        "photo.py:make",
        "--data",
        "photos",
        "--norm",
        "linf",
        "--eps",
        "0.01",
        "--suite",
        "quick",
        "--anyway",
    ]
    said = call(*words)
    assert said.exit_code == 2
    assert "give --size 224 (size=224 in Python)" in said.stderr
    assert call(*words, "--size", "18", "--crop", "16", "--out", "run").exit_code in {0, 3}
    run = read_run("run")
    cut, shape = run.plan.data.cut, run.plan.data.shape
    assert cut is not None
    assert (cut.size, cut.crop, shape) == (18, 16, (3, 16, 16))
    line = repeat(run, Path("run"))["lines"].splitlines()[0]
    assert "--size 18 --crop 16" in line
    assert call(*shlex.split(line)[1:], "--out", "again").exit_code in {0, 3}
    assert read_run("again").plan.data.fingerprint == run.plan.data.fingerprint
    (Path("run") / "inputs.safetensors").rename("elsewhere")
    assert "eb.load_data('photos', split='test', n=6, size=18, crop=16)" in python(run, Path("run"))


def test_a_model_that_knows_its_size_is_given_it(call: Call) -> None:
    words = [
        "evaluate",
        "photo.py:sized",
        "--data",
        "photos",
        "--norm",
        "linf",
        "--eps",
        "0.01",
        "--suite",
        "quick",
        "--anyway",
    ]
    said = call(*words, "--out", "run")
    assert said.exit_code in {0, 3}, said.stderr
    assert "cut to 16 x 16 pixels, for which photo.py:sized was made" in said.stderr
    assert "resized to 18; --size and --crop choose other ones." in said.stderr
    document = json.loads(Path("run", "run.json").read_text(encoding="utf-8"))
    assert document["plan"]["data"]["cut"] == {"size": 18, "crop": 16}
    chosen = call(*words, "--size", "16", "--json")
    assert "cut to" not in chosen.stderr
    assert chosen.exit_code in {0, 3}


def test_training_takes_photographs_too_and_proposes_the_same_size(call: Call) -> None:
    words = ["train", "photo.py:make", "--data", "photos", "--out", "w.safetensors", "--epochs", "1"]
    assert "give --size" in call(*words).stderr
    said = call(*words, "--crop", "16", "--json")
    assert said.exit_code in {0, 3}, said.stderr  # 3: a network that has learnt nothing, which is found
    assert "--data photos --crop 16 --norm linf" in json.loads(said.stdout)["next"]
