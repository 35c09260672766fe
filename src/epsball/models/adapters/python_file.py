"""`path/to/file.py:factory[@weights]`: what a function of a file returns; nothing but that file is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, put_weights, split_weights
from epsball.models.adapters.estimate import split_estimate
from epsball.models.adapters.lightning_checkpoint import arguments_of, is_lightning
from epsball.models.adapters.scikit_learn import is_estimator
from epsball.models.model import Model
from epsball.models.weights import Saved, read_saved
from epsball.models.wrap import wrap
from epsball.registry import attribute_of, neighbours

_ENDING = ".py:"


def names_factory(spec: str) -> bool:
    """Return whether a text has the form path/to/file.py:factory[@weights]."""
    _, ending, named = spec.partition(_ENDING)
    return bool(ending) and named.partition("@")[0].isidentifier()


def factory_file(spec: str) -> Path | None:
    """Return the file that a text of that form names, behind an estimator or a scheme too; None for any other text."""
    _, spec = split_estimate(spec)
    scheme, _, behind = spec.partition(":")
    spec = behind if names_factory(behind) and scheme in SCHEMES else spec
    return Path(f"{spec.partition(_ENDING)[0]}.py") if names_factory(spec) else None


def read(rest: str, options: Options) -> Model:
    """Return what the factory returns, called without arguments and under its own random state.

    Args:
        rest: path/to/file.py:factory[@weights]. The factory returns an `nn.Module`, any callable (N, C, H, W) -> (N, K), a
            classifier of scikit-learn, or what `wrap` returned; a network or model that is ready may stand in its place.
            A class of Lightning is called with the hyper-parameters of its checkpoint.
        options: weights and seed.

    Raises:
        InputError: no such file or function, one that raised, something that is no model, or weights that do not fit.
    """
    path, _, named = rest.partition(_ENDING)
    factory, weights = split_weights(named, options)
    name = f"{path}{_ENDING}{factory}"
    saved = read_saved(weights) if weights else None
    net: Any = made(name, options.seed, saved)
    if not callable(net) and not is_estimator(net):
        raise InputError(
            f"{name} gave a {type(net).__name__}, expected an nn.Module, a callable on images, or a classifier of scikit-learn"
        )
    return put_weights(wrap(net), saved or "", name)


def made(name: str, seed: int, saved: Saved | None = None) -> object:
    """Return what path/to/file.py:factory gives: the answer of a function under its own random state, anything else as it is.

    A class of Lightning is called with the hyper-parameters that its checkpoint, the file of weights, holds.

    Raises:
        InputError: no such file or function, or one that raised.
    """
    place, _, factory = name.partition(_ENDING)
    path = Path(f"{place}.py")
    with torch.random.fork_rng(devices=[]), neighbours(path):
        torch.default_generator.manual_seed(seed)
        make = attribute_of(path, factory)
        if isinstance(make, nn.Module | Model) or not callable(make):
            return make
        try:
            return make(**arguments_of(make, saved)) if is_lightning(make) and saved else make()
        except (InputError, KeyboardInterrupt):
            raise
        except BaseException as error:
            place = f"{path}:{factory}()"
            raise InputError(
                f"{place} raised {type(error).__name__}: {error}; run it on its own and mend it"
            ) from error
