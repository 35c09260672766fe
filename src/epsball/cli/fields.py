"""An attack's hyper-parameters as flags: ``--steps 40 --rate 1/4 --no-random-start --loss margin``."""

import inspect
from collections.abc import Iterator
from typing import Any

from epsball.attacks.base import Attack
from epsball.attacks.registry import make_attack, maker
from epsball.errors import InputError
from epsball.settings import named
from epsball.suggestions import did_you_mean
from epsball.units import parse_number, parse_whole

YES, NO = {"true", "yes", "1"}, {"false", "no", "0"}


def configured(name: str, words: list[str]) -> Attack:
    """The attack of that name with the settings that the flags give.

    Args:
        name: of `epsball list attacks`, or "module:Class".
        words: the rest of the command line, flags and values.

    Raises:
        InputError: a flag that is no setting of the attack, or a value that does not fit.
    """
    make = maker(name)
    if inspect.isclass(make) and not issubclass(make, Attack):
        raise InputError(f"the attack {name} is the class {make.__name__}; expected a subclass of epsball.Attack")
    defaults = {key: parameter.default for key, parameter in inspect.signature(make).parameters.items()}
    switches = {key for key, value in defaults.items() if isinstance(value, bool)}
    settings = {}
    for flag, text in _pairs(words, switches):
        key = _key(flag)
        if key not in defaults:
            known = [f"--{each.replace('_', '-')}" for each in defaults]
            hint = did_you_mean(flag, known)
            raise InputError(f"{name} has no setting {flag}; {hint}its settings are {', '.join(known) or 'none'}")
        settings[key] = _value(flag, text, defaults[key])
    missing = [key for key, value in defaults.items() if value is inspect.Parameter.empty and key not in settings]
    if missing:
        raise InputError(f"{name} needs a value for --{missing[0].replace('_', '-')}; give one")
    return make_attack(name, **settings)


def _key(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def _pairs(words: list[str], switches: set[str]) -> Iterator[tuple[str, str]]:
    left = list(words)
    while left:
        flag, equals, text = left.pop(0).partition("=")
        if not flag.startswith("--"):
            raise InputError(f"{flag!r} stands where a setting is expected; write --name value")
        key = _key(flag)
        if key.startswith("no_") and key.removeprefix("no_") in switches:
            yield f"--{key.removeprefix('no_')}", "false"
        elif equals:
            yield flag, text
        elif key in switches and (not left or left[0].lower() not in YES | NO):
            yield flag, "true"
        elif left:
            yield flag, left.pop(0)
        else:
            raise InputError(f"{flag} has no value; write {flag} VALUE")


def _value(flag: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() not in YES | NO:
            raise InputError(f"{flag} was given as {text!r}; expected true or false")
        return text.lower() in YES
    if isinstance(default, int):
        return parse_whole(text, flag)
    if isinstance(default, float):
        return parse_number(text, flag)
    if isinstance(default, str):
        return text
    if default is None or default is inspect.Parameter.empty:
        return _guessed(text)
    return named(text, default, f"{flag} was given as {text!r}")


def _guessed(text: str) -> Any:
    """What a setting without a default probably means: nothing, a whole number, a number, or the text."""
    if text.lower() == "none":
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return parse_number(text)
    except InputError:
        return text
