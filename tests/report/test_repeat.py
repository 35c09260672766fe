"""What the report says of repeating a run is run, and gives the same rows."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import epsball as eb
from epsball.record import read_run
from epsball.report.repeat import repeat
from evaluations import evaluation

if TYPE_CHECKING:
    from pathlib import Path


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


SUITES: list[Any] = [
    "quick",
    {
        "pgd": eb.PGD(steps=3, loss=eb.losses.margin, random_start=False),
        "all": eb.Worst(eb.FGSM(), eb.Restarts(eb.PGD(steps=2), 2)),
        "deepfool": eb.DeepFool(steps=4),
    },
    [eb.Targeted(eb.PGD(steps=2), 3)],
]


@pytest.mark.parametrize("suite", SUITES, ids=["by name", "by hand", "targeted"])
def test_the_lines_of_python_give_the_same_rows(tmp_path: Path, suite: Any) -> None:
    net = network()
    x, _ = eb.load_data("mnist-5k", n=24)
    predicted = net(x).argmax(1)
    threat = eb.Threat("linf", 8 / 255)
    run = eb.evaluate(eb.wrap(net, mean=0.13, std=0.31), (x, predicted), threat, suite, out=tmp_path / "run", seed=5)
    lines = repeat(read_run(tmp_path / "run"), tmp_path / "run")["lines"]
    assert "8/255" in lines
    scope: dict[str, Any] = {"net": net}
    exec(compile(lines, "lines of the report", "exec"), scope)  # noqa: S102 (that is what a reader does with them)
    again = scope["run"]
    np.testing.assert_array_equal(again.ids, run.ids)
    np.testing.assert_array_equal(again.upper, run.upper)
    assert again.plan.attacks == run.plan.attacks
    assert again.plan.seed == run.plan.seed


def test_a_network_of_the_zoo_that_was_trained_is_repeated_and_verified_with_its_own_weights(tmp_path: Path) -> None:
    x, y = eb.load_data("mnist-5k", split="train", n=40)
    model = eb.fit(eb.load_model("zoo:mlp-512"), (x, y), eb.Recipe(epochs=1)).model
    run = eb.evaluate(model, (x, y), eb.Threat("linf", 0.01), [eb.FGSM()], out=tmp_path / "run", anyway=True)
    eb.verify(tmp_path / "run", model)
    says, lines = repeat(run, tmp_path / "run").values()
    assert "where net is the epsball.models.networks.network.Network that was evaluated" in says
    assert "zoo:" not in lines
    scope: dict[str, Any] = {"net": model.net}
    exec(compile(lines, "lines of the report", "exec"), scope)  # noqa: S102 (that is what a reader does with them)
    np.testing.assert_array_equal(scope["run"].upper, run.upper)


def test_a_run_in_memory_is_repeated_into_a_folder_which_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    net, (x, _) = network(), eb.load_data("mnist-5k", n=8)
    data = x, net(x).argmax(1)
    run = eb.evaluate(net, data, eb.Threat("linf", 0.1), [eb.FGSM()])
    eb.write_report(run, tmp_path / "report")
    lines = repeat(run, tmp_path / "report")["lines"]
    assert str(tmp_path) not in lines
    scope: dict[str, Any] = {"net": net, "x": data[0], "y": data[1]}
    exec(compile(lines, "lines of the report", "exec"), scope)  # noqa: S102 (that is what a reader does with them)
    np.testing.assert_array_equal(eb.load_run("run").upper, run.upper)
    evaluate, verify = repeat(evaluation([0.5, 2.0]), tmp_path / "report")["lines"].splitlines()
    assert evaluate.endswith(" --out run")
    assert verify.startswith("epsball verify run")


@pytest.mark.thorough
def test_the_lines_for_a_shell_give_the_same_rows(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    eb.save_weights(eb.load_model("zoo:mlp-512"), weights)
    words = f"evaluate zoo:mlp-512@{weights} --data mnist-5k --n 30 --norm l2 --eps 0.5 --suite quick --mean 0.1307 --std 0.3081"
    given = "--levels 256 --every-sample --anyway --bfloat16 --seed 3"
    _run([*words.split(), *given.split(), "--out", str(tmp_path / "run")])
    run = read_run(tmp_path / "run")
    evaluate, verify = repeat(run, tmp_path / "run")["lines"].splitlines()
    _run([*shlex.split(evaluate)[1:], "--out", str(tmp_path / "again")])
    again = read_run(tmp_path / "again")
    np.testing.assert_array_equal(again.upper, run.upper)
    assert re.sub("run$", "", shlex.split(verify)[2]) == f"{tmp_path}/"
    _run(shlex.split(verify)[1:])


def _run(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "epsball", *words], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 3}, done.stderr  # 3: a model with its initial weights guesses, which is found
