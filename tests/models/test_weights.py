"""Checkpoints as training scripts leave them: what is taken out of them, and what is refused."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from epsball.errors import InputError, LeftOutWarning
from epsball.models.load import load_model
from epsball.models.networks.catalogue import build
from epsball.models.weights import fill, read_weights
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from pathlib import Path

NET = build("linear", seed=9)
STATE = NET.state_dict()


def prefixed(prefix: str) -> dict[str, Any]:
    return {prefix + name: value for name, value in STATE.items()}


@pytest.mark.parametrize(
    "content",
    [
        prefixed("module."),
        prefixed("_orig_mod."),
        prefixed("module._orig_mod."),
        {"epoch": 3, "state_dict": prefixed("model."), "hyper_parameters": {"lr": 0.1}},
        {"net": STATE, "accuracy": 93.0},
        {"weights": STATE},
        {"model": {"state_dict": STATE}, "optimizer": {"state": {0: {"step": torch.ones(1)}}}},
        {"ema": STATE, "epoch": 3},
        {"model": STATE, "args": Namespace(lr=0.1)},
        {"model": STATE, "best": np.float64(93.1), "rows": np.int64(3)},
        prefixed("backbone.encoder."),
        prefixed("_fsdp_wrapped_module."),
        {**prefixed("module."), "n_averaged": torch.tensor(3)},
        {"1.module.weight": STATE["1.weight"], "1.module.bias": STATE["1.bias"]},
        {"1._orig_mod.weight": STATE["1.weight"], "1._orig_mod.bias": STATE["1.bias"]},
    ],
)
def test_the_state_is_found_behind_prefixes_and_keys(tmp_path: Path, content: dict[str, Any]) -> None:
    torch.save(content, tmp_path / "w.pt")
    assert load_model(f"zoo:linear@{tmp_path}/w.pt").fingerprint() == wrap(NET).fingerprint()


def test_a_prefix_that_belongs_to_the_network_stays() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = nn.Linear(2, 2)

    net = Outer()
    state = {name: torch.ones_like(value) for name, value in net.state_dict().items()}
    fill(net, state, "w.pt")
    assert net.model.bias.tolist() == [1, 1]


class Inside(nn.Module):
    """A network around another one."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))


def ones(prefix: str = "") -> dict[str, Any]:
    state = Inside().model.state_dict()
    return {prefix + name: torch.ones_like(value) for name, value in state.items()}


@pytest.mark.parametrize("wrapped", [lambda net: net, nn.DataParallel, lambda net: torch.compile(net, backend="eager")])
@pytest.mark.parametrize("prefix", ["", "model.", "module.model.", "_orig_mod."])
def test_wrappers_around_the_network_matter_as_little(prefix: str, wrapped: Any) -> None:
    net = Inside()
    fill(wrapped(net), ones(prefix), "w.pt")
    assert all(bool((value == 1).all()) for value in net.state_dict().values())


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (
            {**ones("backbone."), "queue.weight": torch.ones(2)},
            r"behind the prefix 'backbone\.': 1 unexpected \(queue.weight\)",
        ),
        ({**ones("a."), **ones("b.")}, "4 unexpected"),
        ({**ones("model."), **ones("ema_model.")}, "4 unexpected"),
        ({**ones("model."), "model.2.weight": torch.ones(2)}, "1 unexpected"),
        ({**ones(""), "2.weight": torch.ones(2)}, "1 unexpected"),
        ({**ones("model."), "1.loss": torch.ones(2), "model.0.loss": torch.ones(2)}, "2 unexpected"),
        ({**ones("student."), "0.weight": torch.ones(2, 2)}, r"prefix 'student\.': 1 unexpected \(0.weight\)"),
        (
            {name: value for name, value in ones("m.").items() if name != "m.1.bias"},
            r"prefix 'm\.': 1 missing \(1.bias\)",
        ),
        ({"x": torch.ones(1)}, "4 missing .*; build the network that they were saved from"),
    ],
)
def test_what_does_not_fit_one_to_one_is_told_with_its_prefix(state: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        fill(Inside().model, state, "w.pt")


@pytest.mark.parametrize(
    ("prefix", "beside"),
    [("model.", "criterion.weight"), ("", "criterion.weight"), ("net.", "scaler.mean"), ("backbone.", "val_loss.sum")],
)
def test_what_was_saved_beside_the_network_is_left_out_and_named(prefix: str, beside: str) -> None:
    net = Inside().model
    with pytest.warns(LeftOutWarning, match=rf"^w.pt: left out, as Sequential has no such tensors: {beside}$"):
        fill(net, {**ones(prefix), beside: torch.ones(2)}, "w.pt")
    assert all(bool((value == 1).all()) for value in net.state_dict().values())


@pytest.mark.parametrize("prefix", ["", "model."])
def test_weights_from_before_batches_were_counted_fit(prefix: str) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    state = {prefix + name: value + 1 for name, value in net.state_dict().items() if value.ndim}
    fill(net, state, "w.pt")
    assert all(torch.equal(net.state_dict()[name.removeprefix(prefix)], value) for name, value in state.items())


ITSELF: dict[str, Any] = {}
ITSELF["itself"] = ITSELF


@pytest.mark.parametrize("key", ["model_state", "params", "ema"])
def test_the_only_tensors_beside_an_optimiser_are_the_state(tmp_path: Path, key: str) -> None:
    optimiser = {"state": {0: {"step": torch.ones(1)}}, "param_groups": [{"lr": 0.1}]}
    torch.save({key: STATE, "optimizer": optimiser, "epoch": 3}, tmp_path / "w.pt")
    assert read_weights(tmp_path / "w.pt")[0].keys() == STATE.keys()


def test_a_network_without_shapes_takes_no_weights_yet() -> None:
    with pytest.raises(InputError, match="has not seen an input yet"):
        fill(nn.LazyLinear(2), {"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, "w.pt")


@pytest.mark.parametrize("name", ["zoo:linear@", "net.py:make@"])
def test_no_name_behind_the_sign_is_no_weights(name: str) -> None:
    with pytest.raises(InputError, match="names no weights behind '@'"):
        load_model(name)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"a": STATE, "b": STATE}, "holds a dict with 'a, b', expected tensors by name"),
        (ITSELF, "holds a dict with 'itself', expected tensors by name"),
        ({name: value.int() for name, value in STATE.items()}, "2 of whole numbers where fractions are expected"),
        ({"1.weight": torch.zeros(10, 784, device="meta")}, "1.weight on the meta device, without values"),
        ({"1.weight": torch.eye(3).to_sparse()}, "1.weight stored as torch.sparse_coo"),
        (
            {"1.weight": torch.zeros(1).expand(10**9, 10**6), "1.bias": STATE["1.bias"]},
            r"\(1000000000, 1000000\) where \(10, 784\)",
        ),
    ],
)
def test_what_holds_no_usable_tensors_is_refused(tmp_path: Path, content: dict[str, Any], says: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(InputError, match=says):
        load_model(f"zoo:linear@{tmp_path}/w.pt")


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"shape": "1,1000000,1000000", "classes": "10"}, r"1.weight \(10, 784\) where \(10, 1000000000000\)"),
        ({"shape": "1,28", "classes": "10"}, "saved with shape '1,28' and classes '10'; expected 'C,H,W' and a number"),
        ({"shape": "1,28,28"}, "classes None"),
    ],
)
def test_an_absurd_shape_is_refused_before_it_costs_memory(tmp_path: Path, metadata: dict[str, str], says: str) -> None:
    save_file(STATE, tmp_path / "w.safetensors", metadata | {"architecture": "zoo:linear"})
    assert read_weights(tmp_path / "w.safetensors")[1]["architecture"] == "zoo:linear"
    with pytest.raises(InputError, match=says):
        load_model(f"zoo:linear@{tmp_path}/w.safetensors")
