"""`path/to/file.py:factory[@weights]`: what a function of a file returns; nothing but that file is run."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from epsball.errors import InputError
from epsball.models.adapters.base import Options, put_weights, split_weights
from epsball.models.model import Model
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_ENDING = ".py:"


def names_factory(spec: str) -> bool:
    """Return whether a text has the form path/to/file.py:factory[@weights]."""
    _, ending, named = spec.partition(_ENDING)
    return bool(ending) and named.partition("@")[0].isidentifier()


def factory_file(spec: str) -> Path | None:
    """Return the file that a text of that form names; None for any other text."""
    return Path(f"{spec.partition(_ENDING)[0]}.py") if names_factory(spec) else None


def read(rest: str, options: Options) -> Model:
    """Return what the factory returns, called without arguments and under its own random state.

    Args:
        rest: path/to/file.py:factory[@weights]. The factory returns an `nn.Module`, any callable (N, C, H, W) -> (N, K), or what
            `wrap` returned; a network or model that is ready may stand in its place.
        options: weights and seed.

    Raises:
        InputError: no such file or function, one that raised, something that is no model, or weights that do not fit.
    """
    path, _, named = rest.partition(_ENDING)
    factory, weights = split_weights(named, options)
    name = f"{path}{_ENDING}{factory}"
    net = _call(Path(f"{path}.py"), factory, options.seed)
    if not callable(net):
        raise InputError(f"{name} gave a {type(net).__name__}, expected an nn.Module or a callable on images")
    return put_weights(wrap(net), weights, name)


def _call(path: Path, factory: str, seed: int) -> object:
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
