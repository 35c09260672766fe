"""Settings as users write them: a number or "8/255", a function or its name; an attack holds the number, the function."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from epsball.errors import InputError
from epsball.suggestions import did_you_mean, spelled
from epsball.units import parse_number, parse_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = TypeVar("Value")
Made = TypeVar("Made")
Given = ParamSpec("Given")

if TYPE_CHECKING:

    class Number:
        """The type of a field that is read as a number and may be given as a text such as "8/255"."""

        def __get__(self, owner: object, kind: type | None = None) -> float: ...
        def __set__(self, owner: object, value: float | str) -> None: ...

else:
    Number = float


class Named(Generic[Value]):
    """The field of a function or a rule, which may be given by its name: those of the module of the default.

    An attack writes `loss: Named[Loss] = Named(cross_entropy)` in its class.

    Args:
        default: of the field.

    Raises:
        InputError: when a field is given something else.
    """

    def __init__(self, default: Value) -> None:
        self._default = default

    def __set_name__(self, kind: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type) -> Value: ...
    @overload
    def __get__(self, owner: object, kind: type | None = None) -> Value: ...
    def __get__(self, owner: object | None, kind: type | None = None) -> Value:
        """Return the value; the default where the class is asked, which is how a dataclass finds it."""
        found: Value = self._default if owner is None else vars(owner)[self._name]
        return found

    def __set__(self, owner: object, value: Value | str) -> None:
        vars(owner)[self._name] = _value(type(owner).__name__, self._name, value, self._default)


def settle(settings: Any) -> None:
    """Turn the numbers among the fields of a dataclass that were given as texts, such as "8/255", into numbers."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, str):
            object.__setattr__(settings, field.name, _value(type(settings).__name__, field.name, value, field.default))


def preset(make: Callable[Given, Made]) -> Callable[Given, Made]:
    """Let a function that makes an attack take its settings as the attack's class does."""
    signature = inspect.signature(make)

    @functools.wraps(make)
    def settled(*given: Given.args, **named: Given.kwargs) -> Made:
        bound = signature.bind(*given, **named)
        for name, value in bound.arguments.items():
            if isinstance(value, str):
                bound.arguments[name] = _value(make.__name__, name, value, signature.parameters[name].default)
        return make(*bound.args, **bound.kwargs)

    return settled


def choices(default: object) -> Mapping[str, Any]:
    """What may stand for a function or a rule, by name: what its module lists as `NAMED`, or its public functions and rules."""
    home = sys.modules[getattr(default, "__module__", None) or type(default).__module__]
    if "NAMED" in vars(home):
        listed: Mapping[str, Any] = home.NAMED
        return listed
    own = {
        name: value
        for name, value in vars(home).items()
        if getattr(value, "__module__", None) == home.__name__ and not name.startswith("_")
    }
    functions = {name: value for name, value in own.items() if inspect.isfunction(value)}
    rules = {name: value() for name, value in own.items() if inspect.isclass(value) and dataclasses.is_dataclass(value)}
    return functions | rules


def named(name: str, default: object, given: str) -> Any:
    """Return what is called so; `given` begins the sentence of the error.

    Raises:
        InputError: there is nothing of that name.
    """
    known = choices(default)
    name = spelled(name.replace("-", "_"), known)
    if name not in known:
        raise InputError(f"{given}; {did_you_mean(name, known)}expected one of {', '.join(known)}, or a function")
    return known[name]


def _value(owner: str, name: str, value: Any, default: object) -> Any:
    given = f"{owner} was given {name}={value!r}"
    if callable(default):
        if isinstance(value, str):
            return named(value, default, given)
        if not callable(value):
            raise InputError(f"{given}; expected a function, or one of {', '.join(choices(default))}")
        return value
    if isinstance(default, bool) or not isinstance(default, int | float):
        return value
    return (parse_number if isinstance(default, float) else parse_whole)(value, f"{name} of {owner}")
