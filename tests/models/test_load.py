"""Models from strings, and every file of weights that must be refused."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch
from torch import nn

from epsball.errors import InputError
from epsball.models.load import load_model
from epsball.models.networks.catalogue import build
from epsball.models.weights import read_weights, save_weights
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from pathlib import Path

FACTORIES = """
import torch
from torch import nn
from neighbour import WIDTH

def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(WIDTH, 3))

def wrapped():
    import epsball.models.wrap as w
    return w.wrap(make(), mean=0.5, std=0.25)

def bare():
    return lambda x: x.flatten(1)[:, :3]

def number():
    return 7

def broken():
    raise KeyError("depth")

ready = nn.Linear(4, 2)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("WIDTH = 4\n", encoding="utf-8")
    (tmp_path / "nets.py").write_text(FACTORIES, encoding="utf-8")
    return tmp_path / "nets.py"


def test_a_zoo_network_is_in_eval_mode_and_knows_its_source() -> None:
    model = load_model("zoo:nin", seed=3)
    assert model.source == "zoo:nin"
    assert model.module is not None
    assert not any(part.training for part in model.module.modules())
    assert model.fingerprint() == wrap(build("nin", seed=3)).fingerprint()


def test_weights_come_back_with_the_shape_they_were_saved_for(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    model = load_model("zoo:mlp-512", shape=(1, 8, 8), classes=4, seed=5)
    save_weights(model, path)
    again = load_model(f"zoo:mlp-512@{path}")
    assert again.fingerprint() == model.fingerprint()
    assert again.source == f"zoo:mlp-512@{path}"
    assert again(torch.zeros(2, 1, 8, 8)).shape == (2, 4)
    assert load_model("zoo:mlp-512", path).source == again.source
    assert os.listdir(tmp_path) == ["w.safetensors"]  # noqa: PTH208 nothing temporary is left


@pytest.mark.parametrize("form", ["plain", "nested", "parallel", "legacy"])
def test_a_torch_state_dict_fits(tmp_path: Path, form: str) -> None:
    net, path = build("linear", seed=9), tmp_path / "w.pt"
    state = net.state_dict()
    if form == "parallel":
        state = {f"module.{name}": value for name, value in state.items()}
    torch.save(
        {"state_dict": state, "epoch": 3} if form == "nested" else state,
        path,
        _use_new_zipfile_serialization=form != "legacy",
    )
    assert load_model(f"zoo:linear@{path}").fingerprint() == wrap(net).fingerprint()


def test_tied_weights_can_be_saved(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    save_weights(net, tmp_path / "w.safetensors")
    state, metadata = read_weights(tmp_path / "w.safetensors")
    assert torch.equal(state["1.weight"], net.state_dict()["0.weight"])
    assert metadata["architecture"] == "Sequential"


def test_a_factory_in_a_file_may_import_its_neighbour(file: Path) -> None:
    before = torch.get_rng_state()
    model = load_model(f"{file}:make", seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert model(torch.zeros(2, 1, 2, 2)).shape == (2, 3)
    assert model.fingerprint() == load_model(f"{file}:make", seed=4).fingerprint()
    assert model.fingerprint() != load_model(f"{file}:make", seed=5).fingerprint()


def test_a_factory_may_wrap_or_be_a_callable_or_the_network_itself(file: Path) -> None:
    assert load_model(f"{file}:wrapped").mean == torch.tensor(0.5)
    assert load_model(f"{file}:bare")(torch.ones(2, 1, 2, 2)).shape == (2, 3)
    assert isinstance(load_model(f"{file}:ready").module, nn.Linear)


def test_weights_are_put_into_what_a_factory_returns(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(load_model(f"{file}:wrapped", seed=1), path)
    model = load_model(f"{file}:wrapped@{path}", seed=2)
    assert model.fingerprint() == load_model(f"{file}:wrapped", seed=1).fingerprint()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("mlp-512", "zoo:NAME"),
        ("zoo:mlp", "mlp-512"),
        ("{file}", "file.py:factory"),
        ("{file}:", "file.py:factory"),
        ("elsewhere.py:make", "no file elsewhere.py"),
        ("{file}:build", "defines no 'build'; it has .*make"),
        ("{file}:number", "gave a int"),
        ("{file}:broken", "broken.. raised KeyError: 'depth'"),
        ("{file}:bare@{file}.safetensors", "no file of weights"),
    ],
)
def test_what_is_no_model_is_said(file: Path, spec: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_model(spec.format(file=file))


@pytest.mark.parametrize("spec", [None, build("linear")])
def test_what_is_no_text_is_said(spec: object) -> None:
    with pytest.raises(
        InputError, match=r"the model was given as .*; expected a text .*: give a live network to eb.wrap"
    ):
        load_model(cast("Any", spec))


def test_a_file_that_does_not_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def make(:\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad.py raised SyntaxError"):
        load_model(f"{tmp_path / 'bad.py'}:make")


def test_weights_named_twice_and_weights_for_a_bare_callable_are_refused(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(build("linear"), path)
    with pytest.raises(InputError, match="one of the two"):
        load_model(f"zoo:linear@{path}", path)
    with pytest.raises(InputError, match="so the weights"):
        load_model(f"{file}:bare@{path}")


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("way", ["torch", "pickle"])
def test_code_in_a_file_of_weights_is_never_run(tmp_path: Path, way: str) -> None:
    path, crater = tmp_path / "w.pt", tmp_path / "crater"
    bomb = {"0.weight": Bomb(str(crater))}
    if way == "torch":
        torch.save(bomb, path)
    else:
        path.write_bytes(pickle.dumps(bomb))
    with pytest.raises(InputError, match="would have to be run"):
        load_model(f"zoo:linear@{path}")
    assert not crater.exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("w.pt", b"\n<!DOCTYPE html><html>not found</html>", "HTML page"),
        ("w.safetensors", b"<html><body>sign in</body></html>", "HTML page"),
        ("w.pt", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("w.pt", b"", "is empty"),
        ("w.pt", b"name,age\n1,2\n", "neither safetensors nor"),
        ("w.safetensors", b"\x10\x00", "truncated"),
    ],
)
def test_a_file_that_is_no_weights_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        load_model("zoo:linear", tmp_path / name)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.98])
@pytest.mark.parametrize("name", ["w.pt", "w.safetensors", "legacy.pt"])
def test_truncated_weights_are_said_to_be_so(tmp_path: Path, name: str, share: float) -> None:
    net, path = build("linear"), tmp_path / name
    if name == "w.safetensors":
        save_weights(net, path)
    else:
        torch.save(net.state_dict(), path, _use_new_zipfile_serialization=name == "w.pt")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match="truncated"):
        load_model("zoo:linear", path)


def test_weights_of_another_network_name_the_first_few_misfits(tmp_path: Path) -> None:
    save_weights(build("fc-500-150"), tmp_path / "w.safetensors")
    with pytest.raises(
        InputError, match=r"saved from zoo:fc-500-150.*2 unexpected \(5.bias, 5.weight\).*of another shape"
    ) as caught:
        load_model("zoo:mlp-512", tmp_path / "w.safetensors")
    assert "1.weight (500, 784) where (512, 784) is expected" in str(caught.value)


def test_a_shape_that_contradicts_the_weights_is_said(tmp_path: Path) -> None:
    save_weights(build("linear", shape=(1, 8, 8)), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"1.weight \(10, 64\) where \(10, 784\)"):
        load_model("zoo:linear", tmp_path / "w.safetensors", shape=(1, 28, 28))


def test_other_content_of_a_torch_file_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(3)], tmp_path / "w.pt")
    with pytest.raises(InputError, match="holds a list"):
        load_model("zoo:linear", tmp_path / "w.pt")


def test_weights_stay_when_the_new_ones_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        save_weights(build("linear"), tmp_path)
    with pytest.raises(InputError, match="no weights to save"):
        save_weights(wrap(lambda x: x), tmp_path / "w.safetensors")


def test_settings_of_wrap_are_those_of_load_model_too(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import torch\ndef net():\n    return torch.nn.Flatten()\ndef own():\n    import epsball\n"
        "    return epsball.wrap(net(), 0.5)\n",
        encoding="utf-8",
    )
    x = torch.rand(3, 1, 2, 2)
    model = load_model(f"{tmp_path}/own.py:net", mean=[0.5], std="1/4", outputs="logits")
    torch.testing.assert_close(model(x), ((x - 0.5) / 0.25).flatten(1))
    assert model.source == f"{tmp_path}/own.py:net"
    assert load_model(f"{tmp_path}/own.py:net", outputs="probs").outputs == "probs"
    with pytest.raises(InputError, match="the model is wrapped already"):
        load_model(f"{tmp_path}/own.py:own", std=0.5)
