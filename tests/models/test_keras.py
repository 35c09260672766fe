"""Models of Keras: answers and gradients equal to its own, image orders, ends, back ends, and files that are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import epsball as eb
from epsball.models.adapters import base, keras_file

if TYPE_CHECKING:
    from pathlib import Path

X = torch.rand(5, 3, 6, 6, generator=torch.Generator().manual_seed(0))

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras's own, as it saves


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_file._keras("any.keras")  # noqa: SLF001 (with the back end that the adapter chooses)


def network(keras: Any, end: str | None = "softmax", units: int = 4) -> Any:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inner = [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten()]
    return keras.Sequential([keras.Input((6, 6, 3)), *inner, layers.Dense(units, activation=end)])


def test_answers_and_gradients_are_those_of_keras_before_its_softmax(keras: Any, tmp_path: Path) -> None:
    net = network(keras)
    net.save(tmp_path / "own.keras")
    for model in (eb.wrap(net), eb.load_model(f"keras:{tmp_path / 'own.keras'}")):
        x, z = X.clone().requires_grad_(), X.permute(0, 2, 3, 1).clone().requires_grad_()
        ours, theirs = model(x).log_softmax(1), net(z).log()
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        slopes = torch.autograd.grad(ours[:, 0].sum(), x)[0], torch.autograd.grad(theirs[:, 0].sum(), z)[0]
        torch.testing.assert_close(slopes[0], slopes[1].permute(0, 3, 1, 2), rtol=1e-4, atol=1e-5)
        assert model(X.double()).dtype == torch.float64
        assert model.fingerprint() == eb.wrap(net).fingerprint() != eb.wrap(network(keras, None, 5)).fingerprint()
    assert net.layers[-1].activation is keras.activations.softmax
    assert all(weight.value.requires_grad for weight in net.trainable_weights)


def test_probabilities_and_means_may_be_named_too(keras: Any, tmp_path: Path) -> None:
    for end, units, outputs in (("softmax", 4, "logits"), ("sigmoid", 1, "binary")):
        network(keras, end, units).save(tmp_path / "own.keras")
        spec = f"keras:{tmp_path / 'own.keras'}"
        plain = eb.load_model(spec)
        assert plain.outputs == eb.load_model(spec, outputs="probs").outputs == outputs
        shifted = eb.load_model(spec, mean=0.5, std=0.5)
        torch.testing.assert_close(shifted(X), plain((X - 0.5) / 0.5))


def test_an_end_of_its_own_layer_or_within_another_model_is_left_out(keras: Any) -> None:
    net = network(keras, None)
    for whole in (
        keras.Sequential([keras.Input((6, 6, 3)), net, keras.layers.Softmax()]),
        keras.Sequential([keras.Input((6, 6, 3)), net, keras.layers.Activation("softmax")]),
    ):
        torch.testing.assert_close(eb.wrap(whole)(X), eb.wrap(net)(X))
    nested = keras.Sequential([keras.Input((6, 6, 3)), network(keras)])
    assert float(eb.wrap(nested)(X).amin()) < 0


def test_one_of_several_outputs_is_named_by_its_layer_or_numbered(keras: Any) -> None:
    given = keras.Input((6, 6, 3))
    flat = keras.layers.Flatten()(given)
    a, b = (keras.layers.Dense(units, name=name)(flat) for name, units in (("a", 4), ("b", 3)))
    net = keras.Model(given, [a, b])
    for number, end in enumerate((a, b)):
        alone = eb.wrap(keras.Model(given, end))(X)
        assert torch.equal(eb.wrap(net, key="ab"[number])(X), alone)
        assert torch.equal(eb.wrap(net, key=number)(X), alone)
    with pytest.raises(eb.ModelError, match="with the entries a, b, and none is 'c'"):
        eb.wrap(net, key="c")(X)


@pytest.mark.parametrize("shape", [(6, 6, 1), (1, 6, 6), (6, 6), (36,)])
def test_images_come_in_the_order_that_the_model_takes(keras: Any, shape: tuple[int, ...]) -> None:
    layer = keras.layers.Dense(3)
    net = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), layer])
    x = X[:, :1]
    kernel, bias = (weight.value.detach() for weight in layer.weights)
    torch.testing.assert_close(eb.wrap(net)(x), x.flatten(1) @ kernel + bias)
    with pytest.raises(eb.ModelError, match="give images of its size"):
        eb.wrap(net)(torch.rand(2, 3, 7, 7))


def test_a_run_is_verified(keras: Any, tmp_path: Path) -> None:
    network(keras).save(tmp_path / "own.keras")
    model = eb.load_model(f"keras:{tmp_path / 'own.keras'}")
    run = eb.evaluate(
        model, (X, model(X).argmax(1)), eb.Threat("linf", 0.2), suite=[eb.PGD(steps=3)], out=tmp_path / "run"
    )
    assert run.clean_accuracy == 1
    assert eb.verify(tmp_path / "run", trust_source=True).complete


def changed(path: Path, edit: Any) -> None:
    """Write the file again with other settings."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    edit(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (parts | {"config.json": json.dumps(config).encode()}).items():
            archive.writestr(name, content)


@pytest.mark.parametrize("kind", ["Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer"])
def test_a_file_with_code_is_refused_before_keras_sees_it(keras: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "own.keras"
    network(keras).save(path)
    changed(path, lambda config: config["config"]["layers"][1].update(class_name=kind))
    with pytest.raises(eb.InputError, match=f"holds '{kind}' of keras.layers, which would run code"):
        eb.load_model(f"keras:{path}")
    changed(path, lambda config: config["config"]["layers"][1].update(class_name="Mine", module="mine.layers"))
    with pytest.raises(eb.InputError, match=r"holds 'Mine' of mine.layers"):
        eb.load_model(f"keras:{path}")


def test_files_that_are_none_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.keras"
    with pytest.raises(eb.InputError, match="there is no file"):
        eb.load_model(f"keras:{path}")
    path.write_bytes(b"no archive")
    with pytest.raises(eb.InputError, match=r"ends in \.keras"):
        eb.load_model(f"keras:{path}")
    with pytest.raises(eb.InputError, match="holds its own weights"):
        eb.load_model(f"keras:{path}", "weights.safetensors")
    monkeypatch.setattr(base, "find_spec", lambda _: None)
    with pytest.raises(eb.InputError, match=r'pip install "epsball\[keras\]"'):
        eb.load_model(f"keras:{path}")


ELSEWHERE = """
import sys, numpy as np, torch, epsball as eb
x = torch.from_numpy(np.load(sys.argv[2])).requires_grad_()
logits = eb.load_model(f"keras:{sys.argv[1]}")(x)
slope = torch.autograd.grad(logits[:, 0].sum(), x)[0] if logits.requires_grad else torch.zeros(0)
np.savez(sys.argv[3], logits=logits.detach().numpy(), slope=slope.numpy())
"""


@pytest.mark.thorough
@pytest.mark.parametrize("back_end", ["jax", "numpy"])
def test_on_another_back_end_the_answers_are_the_same(keras: Any, tmp_path: Path, back_end: str) -> None:
    """And the gradients on JAX; NumPy's stands for those that give none."""
    net = keras.Sequential(
        [keras.Input((6, 6, 3)), keras.layers.Flatten(), keras.layers.Dense(4, activation="softmax")]
    )
    net.save(tmp_path / "own.keras")
    np.save(tmp_path / "x.npy", X.numpy())
    words = [str(tmp_path / name) for name in ("own.keras", "x.npy", "said.npz")]
    subprocess.run([sys.executable, "-c", ELSEWHERE, *words], check=True, env=os.environ | {"KERAS_BACKEND": back_end})
    x = X.clone().requires_grad_()
    logits = eb.wrap(net)(x)
    said = np.load(words[2])
    np.testing.assert_allclose(said["logits"], logits.detach().numpy(), rtol=1e-5, atol=1e-5)
    if back_end == "jax":
        np.testing.assert_allclose(said["slope"], torch.autograd.grad(logits[:, 0].sum(), x)[0].numpy(), atol=1e-5)
    else:
        assert not said["slope"].size
