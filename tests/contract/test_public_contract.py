"""The public contract of `design.txt`, run word for word; what it marks as not built is not there."""

from __future__ import annotations

import ast
import importlib.util
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from torch import nn
from typer.testing import CliRunner

import epsball as eb
from epsball.cli import app
from epsball.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = Path(__file__).with_name("design.txt").read_text(encoding="utf-8")
PYTHON, SHELL = (re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)[0].splitlines() for kind in ("python", "sh"))
ABSENT = re.findall(r"^\| (?!not built|---)(.+?) \| (.+) \|$", TEXT, re.MULTILINE)
NAMES = [name for name, _ in ABSENT]
N = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights and the data that the contract names; mnist is the embedded digits, over and over."""
    folder = tmp_path_factory.mktemp("contract")
    x, y = eb.load_data("mnist-5k", "test", N)
    images = []
    for digit in x:
        file = io.BytesIO()
        Image.fromarray((digit[0] * 255).byte().numpy()).save(file, "png")
        images.append({"bytes": file.getvalue()})
    (folder / "mnist").mkdir()
    table = pa.table({"image": [images[i % N] for i in range(1000)], "label": [int(y[i % N]) for i in range(1000)]})
    parquet.write_table(table, folder / "mnist" / "test.parquet")
    eb.save_weights(eb.load_model("zoo:mlp-512", seed=0), folder / "weights.safetensors")
    return folder


@pytest.fixture(autouse=True)
def at_home(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("EPSBALL_DATA", str(place))


@pytest.fixture(scope="module")
def names(place: Path) -> dict[str, Any]:
    """Every name after the Python block has been run, line by line; lines of what is not built raise an AttributeError."""
    x, y = eb.load_data("mnist-5k", "train", 40)
    known: dict[str, Any] = {
        "net": nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
        "vx": x,
        "vy": y,
        "eps": "8/255",
        "layer": nn.Identity(),
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        patched.setenv("EPSBALL_DATA", str(place))
        for line in PYTHON:
            for statement in ast.parse(line).body:
                if any(word in NAMES for word in re.findall(r"eb\.\w+", ast.unparse(statement))):
                    with pytest.raises(AttributeError, match="module 'epsball' has no attribute"):
                        execute(statement, known)
                else:
                    execute(statement, known)
    return known


def execute(statement: ast.stmt, known: dict[str, Any]) -> None:
    exec(compile(ast.Module([statement], []), "design.txt", "exec"), known)  # noqa: S102 (the contract is code)


def test_every_line_gives_what_its_comment_says(names: dict[str, Any]) -> None:
    x, found, run, trained = (names[name] for name in ("x", "found", "run", "trained"))
    assert (x.shape, x.dtype, names["y"].dtype) == ((1000, 1, 28, 28), torch.float32, torch.int64)
    assert float(x.min()) == 0
    assert float(x.max()) == 1
    assert eb.Threat("linf", "8/255") == names["threat"]
    for field in ("x", "success", "distance", "relative", "queries", "gradients"):
        assert len(getattr(found, field)) == len(x)
    assert found.success.all()
    assert [epoch.accuracy is not None and epoch.robust is not None for epoch in trained.history] == [True] * 3
    assert trained.model(x[:2]).shape == (2, 10)
    assert names["net"].training
    assert 0 <= run.certified_accuracy("8/255") <= run.robust_accuracy("8/255") <= run.clean_accuracy < 1
    assert isinstance(run.trusted, bool)


def test_the_run_is_read_from_its_folder(names: dict[str, Any]) -> None:
    read = eb.load_run("run/")
    assert (read.upper == names["run"].upper).all()
    assert read.interval("8/255") == names["run"].interval("8/255")


def commands() -> list[str]:
    return str(SHELL[0]).removeprefix("epsball ").split(" | ")


def test_the_commands_are_those_of_the_contract() -> None:
    built = {command.title for command in COMMANDS}
    assert {name for name in commands() if f"epsball {name}" not in NAMES} == built


def test_the_evaluation_takes_its_options(names: dict[str, Any]) -> None:
    del names  # the weights and data are there
    line = SHELL[1].replace("MODEL", "zoo:mlp-512@weights.safetensors").replace("DATA", "mnist")
    words = re.sub(r"\[--certify\] |[\[\]]", "", line).replace("standard", "quick").replace("run/", "other/").split()
    said = CliRunner().invoke(app, words[1:])
    assert said.exit_code in {0, 3}, said.output
    assert '"robust_accuracy"' in said.stdout


def refused_model(name: str) -> bool:
    with pytest.raises(eb.InputError, match=f"no model scheme {name.removesuffix(':')!r}"):
        eb.load_model(f"{name}anything")
    return True


def refuses(call: Callable[[], object], kind: type[Exception]) -> bool:
    with pytest.raises(kind):
        call()
    return True


def absent(name: str) -> bool:
    """Whether something is not there."""
    if name.startswith("eb."):
        return not hasattr(eb, name.removeprefix("eb."))
    if name.startswith("epsball "):
        return name.removeprefix("epsball ") not in {command.title for command in COMMANDS}
    if name.endswith(":"):
        return refused_model(name)
    return {
        "--certify": lambda: "--certify" not in CliRunner().invoke(app, ["evaluate", "--help"]).output,
        "torchrun": lambda: importlib.util.find_spec("epsball.evaluation.distributed") is None,
    }[name]()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_marked_as_not_built_is_not_there(name: str) -> None:
    assert absent(name), f"{name} is there: take its line out of design.txt"
    assert name.removeprefix("epsball ") in "\n".join((*PYTHON, *SHELL)), f"{name} is not of the contract"


def test_a_mark_without_reason_is_none() -> None:
    assert all(len(reason) > 5 for _, reason in ABSENT)
    assert len(set(NAMES)) == len(NAMES) > 5
