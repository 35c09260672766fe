"""What is wrong with the words of a command line: what was given, what is expected, and where that is written."""

from __future__ import annotations

import inspect
from enum import Enum
from pkgutil import resolve_name
from typing import Any, get_args, get_type_hints

from epsball.cli.commands import COMMANDS
from epsball.suggestions import did_you_mean

_ATTACK, _SUITE = "--attack", "--suite"


def sentence(error: Any, words: list[str]) -> str:
    """One sentence about a usage error of typer, in words that do not depend on its version.

    Args:
        error: with the context it arose in, and the parameter or the option that it is about where there is one.
        words: of the command line.
    """
    asked = error.ctx.command_path if error.ctx else "epsball"
    said = _what(error, words) or f"{error.format_message().rstrip('.')};"
    return f"{said} `{asked} --help` says what it takes"


def _what(error: Any, words: list[str]) -> str:
    """What was given and expected; empty where typer's own words say it."""
    kind, command = type(error).__name__, error.ctx.command if error.ctx else None
    if kind == "NoSuchOption":
        known = [flag for each in command.params for flag in (*each.opts, *each.secondary_opts)] if command else []
        if error.option_name == _ATTACK and _SUITE in known:
            return f"there is no option {_ATTACK}; {_SUITE} takes attacks by name too, such as {_SUITE} pgd:"
        return f"there is no option {error.option_name}; {did_you_mean(error.option_name, known)}".rstrip()
    if kind == "BadOptionUsage" and "requires" in str(error):
        return f"{error.option_name} has no value; write {error.option_name} VALUE:"
    if kind == "BadParameter" and command and error.param is not None:
        expected, given = _expected(command.name, error.param.name), _given(error.param, words)
        name = next((flag for flag in error.param.opts if flag.startswith("-")), error.param.metavar)
        hint = did_you_mean(given or "", expected.split(", "))
        return f"{name} was given as {given!r}; {hint}expected {expected}:" if expected and given is not None else ""
    commands = [each.title for each in COMMANDS]
    name = next((word for word in words if not word.startswith("-")), "")
    if error.ctx and error.ctx.parent is None and name and name not in commands:
        return f"there is no command {name!r}; {did_you_mean(name, commands)}".rstrip()
    return ""


def _expected(command: str, parameter: str) -> str:
    """What a parameter of a command may be; empty where that is any text."""
    place = next((each.place for each in COMMANDS if each.title == command), "")
    hint = get_type_hints(resolve_name(f"epsball.cli.{place}"), include_extras=True).get(parameter) if place else None
    settings = getattr(hint, "__metadata__", ())
    kinds = {hint, *get_args(hint)} | {inner for each in get_args(hint) for inner in get_args(each)}
    names = next((each for each in kinds if inspect.isclass(each) and issubclass(each, Enum)), None)
    if names is not None:
        return ", ".join(each.value for each in names)
    least = next((each.min for each in settings if getattr(each, "min", None) is not None), None)
    number = "a whole number" if int in kinds else "a number" if float in kinds else ""
    return number if least is None else f"{number} from {least} on"


def _given(parameter: Any, words: list[str]) -> str | None:
    """The word that stands for a parameter; None where that is not plain."""
    flags = [flag for flag in parameter.opts if flag.startswith("-")]
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in flags:
            return after
        if word.partition("=")[0] in flags:
            return word.partition("=")[2]
    plain = [word for word in words if not word.startswith("-")]
    return plain[1] if not flags and len(plain) > 1 else None
