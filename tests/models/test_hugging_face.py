"""Image classifiers of Transformers from their folders: answers and gradients beside their own, and what is refused."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.models.adapters import base
from torchvision_here import supply_missing

transformers = pytest.importorskip("transformers")

if TYPE_CHECKING:
    from pathlib import Path

OPERATORS = supply_missing()
X = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
PROCESSOR = {"do_normalize": True, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "do_rescale": True}


def small(kind: str) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if kind == "resnet":
            sizes: dict[str, Any] = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
            config = transformers.ResNetConfig(layer_type="basic", num_labels=5, **sizes)
            return transformers.ResNetForImageClassification(config).eval()
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        config = transformers.ViTConfig(image_size=32, patch_size=8, num_labels=5, **sizes)
        return transformers.ViTForImageClassification(config).eval()


def saved(net: Any, folder: Path, **processor: Any) -> str:
    net.save_pretrained(folder)
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    return f"hf:{folder}"


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_answers_and_gradients_are_its_own(kind: str, tmp_path: Path) -> None:
    net = small(kind)
    model = eb.load_model(saved(net, tmp_path, **PROCESSOR))
    x = X.clone().requires_grad_()
    mean, std = (torch.tensor(PROCESSOR[name])[:, None, None] for name in ("image_mean", "image_std"))
    own = net((x - mean) / std).logits
    torch.testing.assert_close(model(x), own, rtol=0, atol=1e-5)
    slopes = [torch.autograd.grad(logits[:, 1].sum(), x)[0] for logits in (model(x), own)]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-5)
    assert model.input_size == (None if kind == "resnet" else (32, 32))
    labels = own.argmax(1)
    runs = [
        eb.evaluate(each, (X, labels), eb.Threat("linf", 0.02), suite="quick", anyway=True)
        for each in (model, eb.wrap(net, mean, std))
    ]
    assert runs[0].robust_accuracy() == runs[1].robust_accuracy()


@pytest.mark.parametrize(
    ("processor", "expected"),
    [
        ({}, lambda x: x),
        ({"do_normalize": False, "image_mean": [0.5], "image_std": [0.5]}, lambda x: x),
        (
            {"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3, "rescale_factor": 1 / 127.5},
            lambda x: (2 * x - 0.5) / 0.25,
        ),
        (
            {"do_normalize": True, "image_mean": [127.0] * 3, "image_std": [50.0] * 3, "do_rescale": False},
            lambda x: (255 * x - 127) / 50,
        ),
        ({"do_normalize": False, "do_rescale": False}, lambda x: 255 * x),
    ],
)
def test_the_processors_arithmetic_is_kept(processor: dict[str, Any], expected: Any, tmp_path: Path) -> None:
    net = small("resnet")
    model = eb.load_model(saved(net, tmp_path, **processor))
    torch.testing.assert_close(model(X), net(expected(X)).logits.detach(), rtol=1e-4, atol=1e-4)


def test_what_cannot_be_loaded_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(eb.InputError, match=r"there is no folder .*nowhere, and it is no id"):
        eb.load_model(f"hf:{tmp_path}/nowhere")
    with pytest.raises(eb.InputError, match="cannot be loaded"):
        eb.load_model(f"hf:{tmp_path}")
    folder = saved(small("resnet"), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(small("resnet").state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(eb.InputError, match=r"cannot be loaded .*model\.safetensors"):
        eb.load_model(folder)
    with pytest.raises(eb.InputError, match="leave out weights="):
        eb.load_model(folder, "own.safetensors")
    monkeypatch.setattr(base, "find_spec", lambda _: None)
    with pytest.raises(eb.InputError, match=r'pip install "epsball\[hf\]"'):
        eb.load_model(folder)


def test_a_torchvision_for_another_pytorch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: str) -> Any:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(eb.InputError, match=r"hf:owner/name needs .* install the torchvision that was built for"):
        eb.load_model("hf:owner/name")
