"""Networks from files of TorchScript and torch.export: answers and gradients beside their own, and what is refused."""

from __future__ import annotations

import json
import pickle
import zipfile
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch
from torch import nn

import epsball as eb

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.*(LeafSpec|torch.jit)")  # PyTorch warns of its own parts
X = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def small() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        net = nn.Sequential(body, nn.Dropout(0.5), nn.Linear(144, 5)).eval()
        for norm in net.modules():
            if isinstance(norm, nn.BatchNorm2d):
                nn.init.uniform_(cast("torch.Tensor", norm.running_var), 0.5, 2)
        return net


def write(kind: str, path: Path) -> str:
    net = small()
    if kind in {"scripted", "scripted in training", "traced"}:
        net.train(kind.endswith("training"))
        made = cast("Any", torch.jit).trace(net, X) if kind == "traced" else torch.jit.script(net)
        torch.jit.save(made, path / "net.pt")
        return str(path / "net.pt")
    free = ({0: torch.export.Dim("n", min=1, max=4096)},)
    rows, shapes = {"free": (2, free), "one": (1, None), "four": (4, None)}[kind]
    torch.export.save(torch.export.export(net, (X[:rows],), dynamic_shapes=shapes), path / "net.pt2")
    return str(path / "net.pt2")


@pytest.mark.parametrize("kind", ["scripted", "scripted in training", "traced", "free", "one", "four"])
def test_answers_gradients_and_robust_accuracy_are_its_own(kind: str, tmp_path: Path) -> None:
    net, spec = small(), write(kind, tmp_path)
    model = eb.load_model(spec)
    x = X.clone().requires_grad_()
    torch.testing.assert_close(model(x), net(x), rtol=0, atol=1e-5)
    slopes = [torch.autograd.grad(logits[:, 1].sum(), x)[0] for logits in (model(x), net(x))]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-5)
    data, threat = (X, net(X).argmax(1)), eb.Threat("linf", 0.01)
    runs = [eb.evaluate(each, data, threat, suite="quick", anyway=True) for each in (model, net)]
    assert runs[0].robust_accuracy() == runs[1].robust_accuracy()
    assert model.input_size == (None if spec.endswith(".pt") else (8, 8))
    scheme = "torchscript" if spec.endswith(".pt") else "export"
    assert torch.equal(eb.load_model(f"{scheme}:{spec}", mean=0.0)(X), model(X))


def test_what_was_exported_in_training_is_refused(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 5)).train()
    torch.export.save(torch.export.export(net, (X[:2],)), tmp_path / "net.pt2")
    torch.jit.save(cast("Any", torch.jit).trace(net, X, check_trace=False), tmp_path / "net.pt")
    for name in ("net.pt", "net.pt2"):
        with pytest.raises(eb.InputError, match=r"while it was training: its dropout .* net\.eval\(\)"):
            eb.load_model(str(tmp_path / name))


class Ran:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('it ran')",)


def test_weights_alone_and_pickled_networks_are_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    torch.save(small().state_dict(), file)
    with pytest.raises(eb.InputError, match=r"holds weights and no network; .* path/to/file\.py:factory@"):
        eb.load_model(str(file))
    with pytest.raises(eb.InputError, match="holds weights and no network"):
        eb.load_model(f"export:{file}")
    torch.save(Ran(), file)
    for spec in (str(file), f"torchscript:{file}"):
        with pytest.raises(eb.InputError, match="holds Python objects that would have to be run"):
            eb.load_model(spec)
    with pytest.raises(eb.InputError, match="there is no file"):
        eb.load_model(str(tmp_path / "none.pt2"))
    scripted = write("scripted", tmp_path)
    with pytest.raises(eb.InputError, match="leave out weights="):
        eb.load_model(scripted, "w.safetensors")


@pytest.mark.parametrize(
    ("kind", "writer", "scheme"), [("traced", "TorchScript", "torchscript"), ("free", "torch.export", "export")]
)
def test_a_network_that_is_given_as_another_one_or_as_weights_is_said_to_be_what_it_is(
    kind: str, writer: str, scheme: str, tmp_path: Path
) -> None:
    file = write(kind, tmp_path)
    other = "export" if scheme == "torchscript" else "torchscript"
    (tmp_path / "factory.py").write_text("import torch\n\n\ndef make():\n    return torch.nn.Flatten()\n")
    for spec in (f"{other}:{file}", f"{tmp_path / 'factory.py'}:make@{file}", f"zoo:mlp-512@{file}"):
        with pytest.raises(
            eb.InputError, match=rf"is a network that {writer} saved, .* as the model itself, {scheme}:{file}$"
        ):
            eb.load_model(spec)


@pytest.mark.parametrize("damage", ["pickle", "guard", "name", "size", "object"])
def test_a_graph_that_would_run_something_is_refused(damage: str, tmp_path: Path) -> None:
    spec = write("free", tmp_path)
    with zipfile.ZipFile(spec) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    graph = next(name for name in parts if name.endswith("models/model.json"))
    if damage == "pickle":
        parts[next(name for name in parts if name.endswith("model.pt"))] = pickle.dumps(Ran())
    elif damage == "object":
        parts[graph.replace("models/model.json", "data/constants/opaque_obj_0")] = pickle.dumps(Ran())
    else:
        text = json.loads(parts[graph])
        if damage == "guard":
            text["guards_code"] = ["exit('it ran')"]
        elif damage == "name":
            text["graph_module"]["graph"]["nodes"][0]["name"] = "x; exit('it ran')"
        else:
            text["range_constraints"] = {"s0": {"expr_str": "__import__('os').abort()"}}
        parts[graph] = json.dumps(text).encode()
    with zipfile.ZipFile(spec, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(eb.InputError, match="which would have to be run"):
        eb.load_model(spec)
