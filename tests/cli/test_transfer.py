"""``epsball transfer``: the matrix, its examples and whose they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import epsball as eb
from epsball.evaluation.transfer import transfer
from epsball.record.statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]

OTHERS = """
import torch
from torch import nn

def made(seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with torch.no_grad():
        net[1].weight.mul_(0.9).add_(torch.eye(3, 16))
        net[1].bias.zero_()
    return net

def one():
    return made(1)

def two():
    return made(2)
"""

COMMON = ["--data", "data.npz", "--norm", "linf", "--eps", "0.1"]


@pytest.fixture(autouse=True)
def others() -> None:
    Path("others.py").write_text(OTHERS)


def test_the_matrix_is_that_of_the_saved_examples(call: Call) -> None:
    names = ["nets.py:linear", "others.py:one", "others.py:two"]
    said = call("transfer", *names, *COMMON, "--out", "moved", "--json")
    assert said.exit_code == 0, said.stderr
    document = json.loads(said.stdout)
    assert document == json.loads(Path("moved/transfer.json").read_text(encoding="utf-8"))
    with np.load("data.npz") as data:
        x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    nets = [eb.load_model(name) for name in names]
    clean = [net(x).argmax(1) == y for net in nets]
    for i, source in enumerate(document["sources"]):
        content = Path("moved", source["examples"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == source["sha256"]
        assert source["network"]["weights"][:16] in source["examples"]
        points = torch.from_numpy(load_file(Path("moved", source["examples"]))["x"])
        assert float((points - x).abs().max()) <= 0.1
        for j, net in enumerate(nets):
            right = int((clean[j] & (net(points).argmax(1) == y)).sum())
            assert document["transfer_accuracy"][i][j] == right / len(x)
            assert document["intervals"][i][j] == pytest.approx(wilson(right, len(x)))
    accuracy = np.array(document["transfer_accuracy"])
    assert (accuracy.diagonal() <= accuracy.min(0) + 1e-9).all()
    assert (accuracy <= np.array(document["clean_accuracy"])).all()
    assert len({source["network"]["weights"] for source in document["sources"]}) == 3


def test_the_table_names_source_and_target(call: Call) -> None:
    said = call("transfer", "nets.py:linear", "others.py:one", *COMMON, "--attack", "fgsm")
    assert said.exit_code == 0, said.stderr
    assert "(inputs)" in said.stdout
    assert said.stdout.count("others.py:one") == 2


def test_one_network_alone_is_refused(call: Call) -> None:
    said = call("transfer", "nets.py:linear", "nets.py:linear", *COMMON)
    assert said.exit_code == 2
    assert "a transfer needs at least 2 networks, and nets.py:linear was given" in said.stderr


def test_minimum_norm_attacks_show_their_nearest_errors() -> None:
    nets = {str(seed): torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3)) for seed in range(2)}
    x = torch.rand(20, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    y = nets["0"](x).argmax(1)
    matrix = transfer(nets, (x, y), eb.Threat("l2"), eb.DeepFool())
    assert matrix.accuracy(0, 0) == 0.0
    assert matrix.n == 20


def test_an_example_that_mends_an_error_does_not_count_as_right() -> None:
    def toward(sign: float) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: torch.stack((sign * x[:, 0] - sign * 0.5, 0 * x[:, 0]), 1)

    x, y = (
        torch.tensor([[0.6], [0.4]]),
        torch.tensor([0, 0]),
    )  # the first network errs on the second input, the other one on the first
    matrix = transfer({"one": toward(1.0), "other": toward(-1.0)}, (x, y), eb.Threat("linf", 0.3), eb.FGSM())
    assert matrix.clean.tolist() == [1, 1]
    assert matrix.right.tolist() == [[0, 1], [1, 0]]


def test_another_matrix_is_not_overwritten(call: Call) -> None:
    def again(*more: str) -> Result:
        return call("transfer", "nets.py:linear", "others.py:one", *COMMON, "--out", "moved", *more)

    assert again().exit_code == 0
    first = Path("moved/transfer.json").read_bytes()
    assert again().exit_code == 0
    other = again("--seed", "1")
    assert other.exit_code == 2
    assert "was made of other networks, samples or settings" in other.stderr
    for damaged in (b"[]", b"{", b'{"sources": [1]}', b"\xff"):
        Path("moved/transfer.json").write_bytes(damaged)
        assert again().exit_code == 2
        assert Path("moved/transfer.json").read_bytes() == damaged
    Path("moved/transfer.json").write_bytes(first)
    assert again().exit_code == 0
    assert Path("moved/transfer.json").read_bytes() == first
