"""Models from strings: of the zoo, from an ONNX file, trained ones, and factories in a file: nothing else runs."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from epsball.errors import InputError
from epsball.models.adapters import zoo
from epsball.models.adapters.hub import read_hub
from epsball.models.adapters.onnx import read_onnx
from epsball.models.weights import fill, read_weights
from epsball.models.wrap import Model, wrap


def load_model(
    spec: str,
    weights: str | Path | None = None,
    *,
    shape: zoo.Shape | None = None,
    classes: int | None = None,
    seed: int = 0,
) -> Model:
    """A wrapped model in eval mode from its name.

    Args:
        spec: one of
            `zoo:NAME[@weights]`: a network of the paper;
            `hub:NAME[@weights]`: a trained one from an installed package, see `models.hub`;
            `onnx:path/to/file.onnx[@weights]`: a graph with its weights, see `models.onnx`;
            `path/to/file.py:factory[@weights]`: what the factory returns, which takes no arguments: an `nn.Module`, any
            callable (N, C, H, W) -> (N, K), or what `wrap` returned.
        weights: a file of weights, when it is not part of `spec`: safetensors, or a torch state dict.
        shape: (C, H, W) of the images for a zoo network; by default what the weights were saved with, or its own data's.
        classes: number of classes of a zoo network, likewise.
        seed: of the initial weights; the global random state is left as it was.

    Raises:
        InputError: a string, file or weights that cannot be used, with the reason.
    """
    name, inline = _split(spec)
    if inline and weights is not None:
        raise InputError(f"{spec} names weights and so does weights={weights}; give one of the two")
    origin = inline or (str(weights) if weights is not None else "")
    state, metadata = read_weights(origin) if origin else ({}, {})
    if name.startswith("zoo:"):
        if metadata.get("architecture") == name and "shape" in metadata:
            channels, height, width = (int(side) for side in metadata["shape"].split(","))
            shape, classes = shape or (channels, height, width), classes or int(metadata["classes"])
        net: object = zoo.build(name.removeprefix("zoo:"), shape=shape, classes=classes, seed=seed)
    elif name.startswith("hub:"):
        net = read_hub(name.removeprefix("hub:"))
    elif name.startswith("onnx:"):
        net = read_onnx(Path(name.removeprefix("onnx:")))
    else:
        path, _, factory = name.rpartition(":")
        net = _call(Path(path), factory, seed)
    if not callable(net):
        raise InputError(f"{name} gave a {type(net).__name__}, expected an nn.Module or a callable on images")
    model = wrap(net)
    if isinstance(model.module, nn.Module):
        model.module.eval()
    if origin:
        if model.module is None:
            raise InputError(f"{name} is a bare callable, so the weights {origin} fit nowhere; return an nn.Module")
        saved = metadata.get("architecture", "")
        fill(model.module, state, f"{origin} (saved from {saved})" if saved else origin)
    return replace(model, source=f"{name}@{origin}" if origin else name)


def _split(spec: str) -> tuple[str, str]:
    """The name of a model, and the file of weights behind its last part."""
    if not isinstance(spec, str):
        raise InputError(
            f"the model was given as {type(spec).__name__}; expected a text such as 'zoo:mlp-512' or 'path/to/file.py:factory': "
            "give a live network to eb.wrap"
        )
    if spec.startswith(("zoo:", "hub:")):
        name, _, weights = spec.partition("@")
        return name, weights
    if spec.startswith("onnx:"):
        name, ending, weights = spec.partition(".onnx@")
        return name + ending.removesuffix("@"), weights
    path, colon, rest = spec.partition(".py:")
    factory, _, weights = rest.partition("@")
    if not colon or not factory.isidentifier():
        raise InputError(
            f"{spec!r} is no model; give zoo:NAME[@weights], path/to/file.py:factory[@weights], onnx:path/to/file.onnx "
            "or hub:NAME"
        )
    return f"{path}.py:{factory}", weights


def _call(path: Path, factory: str, seed: int) -> object:
    """What `factory` in the file at `path` returns, run under its own random state."""
    if not path.is_file():
        raise InputError(f"there is no file {path}; give path/to/file.py:factory")
    with torch.random.fork_rng(devices=[]), _importable(path.parent):
        torch.default_generator.manual_seed(seed)
        scope = vars(_run(path))
        if factory not in scope:
            public = [name for name, value in scope.items() if callable(value) and not name.startswith("_")]
            raise InputError(f"{path} defines no {factory!r}; it has {', '.join(public) or 'no functions'}")
        make: Any = scope[factory]
        if isinstance(make, nn.Module | Model):
            return make
        return _guarded(make, f"{path}:{factory}()") if callable(make) else make


def _run(path: Path) -> Any:
    name = f"epsball_user_{path.stem}"
    loader = importlib.util.spec_from_file_location(name, path)
    if loader is None or loader.loader is None:
        raise InputError(f"{path} is no Python file; give path/to/file.py:factory")
    module = importlib.util.module_from_spec(loader)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up by name
    execute = loader.loader.exec_module
    _guarded(lambda: execute(module), str(path))
    return module


def _guarded(run: Callable[[], object], place: str) -> object:
    try:
        return run()
    except Exception as error:
        raise InputError(f"{place} raised {type(error).__name__}: {error}; run it on its own and mend it") from error


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The file may import its neighbours, as it may when Python runs it."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)
