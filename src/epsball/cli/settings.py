"""An attack's settings explained: name, type, default and meaning, from its signature and its docstrings."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from epsball.attacks.base import Attack
from epsball.attacks.registry import maker
from epsball.errors import InputError
from epsball.settings import choices

if TYPE_CHECKING:
    from collections.abc import Callable

SWITCH = "true or false"
"""The kind of a setting that is on or off."""
_ARGUMENT = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Setting:
    """One setting of an attack, as the command line takes it.

    Args:
        flag: its name without the dashes, "random-start".
        kind: what is given for it, "number" or the names of functions.
        default: what stands when it is left out; empty where it must be given.
        what: what it means.
    """

    flag: str
    kind: str
    default: str
    what: str


def settings(name: str) -> list[Setting]:
    """Return the settings of an attack of `epsball list attacks`, or of "module:Class" or "file.py:Class"."""
    make = maker(name)
    meanings = _meanings(make)
    return [
        Setting(
            key.replace("_", "-"),
            _kind(parameter.default),
            "" if parameter.default is inspect.Parameter.empty else _text(parameter.default),
            meanings.get(key, ""),
        )
        for key, parameter in inspect.signature(make).parameters.items()
    ]


def described(name: str) -> str:
    """Return what an attack does and the paper behind it, as its docstring says, without the list of its settings."""
    text = inspect.getdoc(maker(name)) or ""
    return re.split(r"\n\n(?:Args|Raises|Example):", text)[0]


def explanation(words: list[str]) -> str:
    """Return the settings of the attack that a command line names, as lines for its help; nothing where it names none."""
    name = next((after for word, after in pairwise(words) if word == "--attack"), "")
    name = next((word.partition("=")[2] for word in words if word.startswith("--attack=")), name)
    if not name:
        return "The settings of an attack: epsball list attacks NAME, or --attack NAME --help."
    try:
        rows = settings(name)
    except InputError as error:
        return str(error)
    lines = (f"--{row.flag} ({row.kind}{f'; {row.default}' * bool(row.default)}): {row.what}" for row in rows)
    return "\n\n".join((f"Settings of {name}:", *lines))


def _meanings(make: Callable[..., Any]) -> dict[str, str]:
    """The meaning of each setting; a preset's own words stand before those of the class that it makes."""
    found: dict[str, str] = {}
    made = make if inspect.isclass(make) else type(make())
    classes = [each for each in made.__mro__ if issubclass(each, Attack)]
    for source in (*reversed(classes), make):
        arguments = (vars(source).get("__doc__") if inspect.isclass(source) else source.__doc__) or ""
        for key, text in _ARGUMENT.findall(inspect.cleandoc(arguments)):
            found[key] = " ".join(text.split())
    return found


def _kind(default: Any) -> str:
    if isinstance(default, bool):
        return SWITCH
    if isinstance(default, int):
        return "whole number"
    if isinstance(default, float):
        return "number"
    if isinstance(default, str):
        return "text"
    if default is None or default is inspect.Parameter.empty:
        return "number or text"
    return ", ".join(choices(default))


def _text(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float):
        return f"{default:g}"
    if default is None or isinstance(default, str):
        return str(default).lower()
    own = (name for name, value in choices(default).items() if value is default or value == default)
    return next(own, type(default).__name__)
