"""Attacks by name: those that `epsball.attacks` imports, those that other packages announce, and a user's own."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epsball import attacks
from epsball.attacks.base import Attack
from epsball.attacks.combine import Wrapper
from epsball.errors import InputError
from epsball.registry import Registry, attribute_of, working_folder

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def registry() -> Registry[Callable[..., Attack]]:
    """Return what makes each attack from its settings: its class, or a preset's function; ensembles have no name.

    Installed packages add theirs by entry points of the group "epsball.attacks".
    """
    known: Registry[Callable[..., Attack]] = Registry("attack", also="module:Class or file.py:Class")
    for name, made in vars(attacks).items():
        if _is_named(made):
            known.add(_command_name(name, made), made)
    return known


def make_attack(name: str, **settings: Any) -> Attack:
    """Return an attack by its name.

    Args:
        name: of the registry, or "module:Class" or "path/to/file.py:Class".
        settings: its hyper-parameters.

    Raises:
        InputError: an unknown name or an unknown hyper-parameter.
    """
    make = maker(name)
    known = inspect.signature(make).parameters
    for setting in settings:
        if setting not in known:
            raise InputError(f"{name} has no setting {setting!r}; it has {', '.join(known) or 'none'}")
    try:
        return make(**settings)
    except (InputError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if ":" not in name:
            raise
        raise InputError(
            f"the attack {name!r} raised {type(error).__name__}: {error}; mend it, or its settings"
        ) from error


def maker(name: str) -> Callable[..., Attack]:
    """Return what makes the attack called `name`; arguments and errors are those of `make_attack`."""
    return attack_class(name) if ":" in name else registry()[name]


def attack_class(name: str) -> type[Attack]:
    """Return the class at "module:Class" or "path/to/file.py:Class"; its module is imported, its file run.

    Raises:
        InputError: there is none, or it is no attack.
    """
    home, _, attribute = name.rpartition(":")
    found = attribute_of(Path(home), attribute) if home.endswith(".py") else _imported(name, home, attribute)
    if not (inspect.isclass(found) and issubclass(found, Attack)) or inspect.isabstract(found):
        what = "an abstract class" if inspect.isabstract(found) else f"no attack but {type(found).__name__} {attribute}"
        raise InputError(f"{name!r} is {what}; expected a subclass of epsball.Attack that defines run(self, ask)")
    return found


def _imported(name: str, module: str, attribute: str) -> Any:
    try:
        with working_folder():
            return getattr(importlib.import_module(module), attribute)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise InputError(
            f"the attack {name!r} could not be imported: {error}; expected module:Class on the path"
        ) from error


def _is_named(made: object) -> bool:
    """Whether it makes an attack by itself: a class that is neither abstract nor an ensemble, or a preset; with nothing to be given."""
    if inspect.isclass(made) and (
        not issubclass(made, Attack) or inspect.isabstract(made) or issubclass(made, Wrapper)
    ):
        return False
    needed = inspect.Parameter.empty
    return (inspect.isclass(made) or inspect.isfunction(made)) and all(
        parameter.default is not needed for parameter in inspect.signature(made).parameters.values()
    )


def _command_name(name: str, made: Callable[..., Attack]) -> str:
    """The name on the command line: the class's own choice, or "momentum-pgd" for MomentumPGD."""
    chosen = made.name if isinstance(made, type) and issubclass(made, Attack) else ""
    return chosen or re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
