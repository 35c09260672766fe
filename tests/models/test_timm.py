"""Networks of timm: answers and gradients beside the package's own, and what is refused."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.models.adapters import base
from torchvision_here import supply_missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

if importlib.util.find_spec("timm") is None:
    pytest.skip("timm is not here", allow_module_level=True)

X = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def timm() -> Any:
    operators = supply_missing()
    yield importlib.import_module("timm")
    del operators


def saved(timm: Any, path: Path, **settings: Any) -> tuple[Any, str]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = timm.create_model("resnet10t", **settings).eval()
    eb.save_weights(net, path / "w.safetensors")
    return net, f"timm:resnet10t@{path}/w.safetensors"


def test_answers_gradients_and_robust_accuracy_are_its_own(timm: Any, tmp_path: Path) -> None:
    net, spec = saved(timm, tmp_path, num_classes=7)
    before = torch.get_rng_state()
    model = eb.load_model(spec)
    assert torch.equal(torch.get_rng_state(), before)
    own = timm.data.resolve_model_data_config(net)
    mean, std = (torch.tensor(own[name])[:, None, None] for name in ("mean", "std"))
    assert model.input_size == own["input_size"][1:] == (176, 176)
    x = X.clone().requires_grad_()
    logits = net((x - mean) / std)
    torch.testing.assert_close(model(x), logits, rtol=0, atol=1e-5)
    slopes = [torch.autograd.grad(each[:, 1].sum(), x)[0] for each in (model(x), logits)]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-5)
    data, threat = (X, logits.argmax(1)), eb.Threat("linf", 0.01)
    runs = [
        eb.evaluate(each, data, threat, suite="quick", anyway=True).robust_accuracy()
        for each in (model, eb.wrap(net, own["mean"], own["std"]))
    ]
    assert runs[0] == runs[1]


def test_a_network_of_other_channels_has_no_mean_of_its_own(timm: Any, tmp_path: Path) -> None:
    net, spec = saved(timm, tmp_path, num_classes=7, in_chans=1)
    x = X[:, :1]
    torch.testing.assert_close(eb.load_model(spec)(x), net(x).detach())
    torch.testing.assert_close(eb.load_model(spec, mean=0.5, std=0.25)(x), net((x - 0.5) / 0.25).detach())


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (
            lambda good: good.partition("@")[0],
            r"names no weights; give timm:resnet10t@file\.safetensors, or .*@pretrained",
        ),
        (lambda good: good.replace("resnet10t", "resnet10x"), r"Unknown model .*did you mean"),
        (lambda good: good.replace("resnet10t", "resnet18"), "does not fit ResNet"),
        (lambda good: f"{good}.gone", "there is no file of weights"),
    ],
)
def test_what_cannot_be_loaded_is_a_sentence(
    timm: Any, spec: Callable[[str], str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = saved(timm, tmp_path)[1]
    with pytest.raises(eb.InputError, match=says):
        eb.load_model(spec(good))
    monkeypatch.setattr(base, "find_spec", lambda _: None)
    with pytest.raises(eb.InputError, match=r'pip install "epsball\[timm\]"'):
        eb.load_model(good)


def test_a_torchvision_for_another_pytorch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: str) -> Any:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(eb.InputError, match="install the torchvision that was built for PyTorch"):
        base.imported("timm", "timm:resnet18@pretrained", "timm")
