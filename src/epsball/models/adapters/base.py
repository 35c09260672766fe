"""What every source of models has: a scheme, the text before the first colon, and a function that reads the rest."""

from __future__ import annotations

import importlib
import textwrap
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import torch

from epsball.errors import InputError
from epsball.models.weights import Saved, fill, read_saved
from epsball.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from epsball.models.model import Model
    from epsball.models.networks.network import Shape


@dataclass(frozen=True)
class Options:
    """What was given to `load_model` beside the text.

    Args:
        weights: a file of weights.
        shape: (C, H, W) of the images.
        classes: number of classes.
        seed: of the initial weights.
    """

    weights: str | Path | None = None
    shape: Shape | None = None
    classes: int | None = None
    seed: int = 0


class Reader(Protocol):
    """Reads the model that stands behind a scheme.

    An installed package adds one by an entry point of the group `epsball.models`, whose name is the scheme.
    """

    def __call__(self, rest: str, options: Options) -> Model:
        """Return the model on data units.

        Args:
            rest: the text behind "scheme:".
            options: what was given beside it; a reader uses what concerns it.

        Raises:
            InputError: what `rest` names cannot be used, with the reason.
        """


SCHEMES: Registry[Reader] = Registry("model scheme", "epsball.models", also="path/to/file.py:factory")


def split_weights(rest: str, options: Options, ending: str = "") -> tuple[str, str]:
    """Return a model's name and its file of weights, empty where there is none: NAME@WEIGHTS, or the one of the options.

    Args:
        rest: the text behind the scheme.
        options: which may name weights too.
        ending: how a name ends that may itself hold an "@", such as ".onnx".

    Raises:
        InputError: two files of weights, or none behind "@".
    """
    before, at, inline = rest.partition(f"{ending}@")
    name = before + ending if at else rest
    if at and not inline:
        raise InputError(f"{rest} names no weights behind '@'; give their file, or leave out '@'")
    if inline and options.weights is not None:
        raise InputError(f"{rest} names weights and so does weights={options.weights}; give one of the two")
    return name, inline or str(options.weights or "")


def put_weights(model: Model, weights: str | Saved, name: str) -> Model:
    """Return `model` with the weights of a file, by its name or read already, in its network; an empty name changes nothing.

    Raises:
        InputError: a bare callable, or weights that do not fit.
    """
    if not weights:
        return model
    saved = read_saved(weights) if isinstance(weights, str) else weights
    state = saved.state()
    if model.module is None:
        raise InputError(f"{name} is a bare callable, so the weights {saved.path} fit nowhere; return an nn.Module")
    fill(model.module, state, origin_of(str(saved.path), saved.metadata))
    return model


def refuse_weights(spec: str, options: Options) -> None:
    """Refuse weights for a model that has its own.

    Raises:
        InputError: some were given.
    """
    if options.weights is not None:
        raise InputError(f"{spec} holds its own weights; leave out weights={options.weights}")


def require(packages: Sequence[str], spec: str, extra: str) -> None:
    """Check that packages are installed, without importing them; arguments and errors are those of `imported`."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise InputError(
            f'{spec} needs the package {" and ".join(missing)}, which is not here; pip install "epsball[{extra}]"'
        )


def imported(package: str, spec: str, extra: str) -> Any:
    """Return a package that a source of models needs.

    Args:
        package: its name.
        spec: what was asked for, for the message.
        extra: of this library that brings it.

    Raises:
        InputError: it is not installed, or cannot be imported: torchvision, which several import, must fit PyTorch.
    """
    require([package.partition(".")[0]], spec, extra)
    try:
        return importlib.import_module(package)
    except Exception as error:  # a package built for another PyTorch may raise anything
        said = textwrap.shorten(str(error), 200)
        remedy = "install it again"
        if isinstance(error, ModuleNotFoundError):
            remedy = f"install {error.name} too"
        elif "torchvision" in said:
            remedy = f"install the torchvision that was built for PyTorch {torch.__version__}"
        raise InputError(f"{spec} needs {package}, which cannot be imported ({said}); {remedy}") from error


def origin_of(weights: str, metadata: Mapping[str, str]) -> str:
    """Return a file of weights as sentences name it: with the network it was saved from, as far as it says so."""
    saved = metadata.get("architecture", "")
    return f"{weights} (saved from {saved})" if saved else weights
