"""From what a plan says of an attack to the attack: classes of this library, and those that the verifier names."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball import attacks
from epsball.attacks.base import Attack
from epsball.attacks.cascade import Stage
from epsball.errors import InputError
from epsball.evaluation.plan import attack_source
from epsball.geometry import NORMS, Norm
from epsball.settings import choices
from epsball.threat import Threat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epsball.record.plan import AttackPlan, ThreatPlan

_NOT_HERE = "it is none of this library's"


class _UnknownError(Exception):
    """A value of a plan from which nothing can be made."""


def threat_of(plan: ThreatPlan, dtype: torch.dtype, device: torch.device) -> Threat:
    """The threat of a plan, its limits on the device of the inputs where each feature has its own."""
    low, high = (
        torch.tensor(bound, dtype=dtype, device=device) if isinstance(bound, list) else bound
        for bound in (plan.low, plan.high)
    )
    return Threat(plan.norm, float(plan.eps), low=low, high=high, levels=plan.levels)


def attack_of(name: str, plan: AttackPlan, given: type[Attack] | Attack | None = None) -> Attack:
    """The attack that a plan describes, made of its settings.

    Args:
        name: of the attack in the run.
        plan: what the run records of it.
        given: its class, or itself, where the verifier names it; nothing that only the plan names is imported.

    Raises:
        InputError: it cannot be made again.
    """
    try:
        made: Attack = given if isinstance(given, Attack) else _made(plan.kind, plan.settings, given)
    except (_UnknownError, InputError, TypeError, ValueError) as error:
        raise InputError(
            f"the attack {name} ({plan.kind}) cannot be made again from its record: {error}; "
            f"name it, --attack {name}=module:Class, or in Python attacks={{{name!r}: attack}}"
        ) from error
    return made


def _made(kind: str, settings: Mapping[str, Any], given: type | None = None) -> Any:
    """What that class makes of its settings."""
    found = given or _class(kind)
    if isinstance(given, type) and issubclass(given, Attack) and attack_source(given).kind != kind:
        raise _UnknownError(f"{attack_source(given).kind} was named")
    fields = {field.name: field for field in dataclasses.fields(found)}
    if settings.keys() != fields.keys():
        odd = sorted(settings.keys() ^ fields.keys())
        raise _UnknownError(f"{kind} has no setting {odd[0]}, or the record lacks it")
    values = {name: _value(settings[name], field) for name, field in fields.items()}
    parameters = inspect.signature(found).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return found(*(each for value in values.values() for each in value))
    return found(**values)


def _class(kind: str) -> Any:
    """A class of attacks of this library, or of what they are made of."""
    found = Stage if kind == Stage.__name__ else vars(attacks).get(kind)
    if not (inspect.isclass(found) and dataclasses.is_dataclass(found)):
        raise _UnknownError(f"the class {kind!r} is unknown: {_NOT_HERE}")
    return found


def _value(value: Any, field: dataclasses.Field[Any]) -> Any:
    default = field.default
    if isinstance(value, dict):
        return _from_fields(value, default)
    if isinstance(value, list):
        return tuple(_value(each, field) for each in value)
    if isinstance(value, str) and isinstance(default, Norm):
        return NORMS[value]
    if isinstance(value, str) and isinstance(default, enum.Enum):
        return type(default)[value]
    if isinstance(value, str) and callable(default):
        return _function(value, default)
    return np.inf if value == "inf" else value


def _from_fields(value: dict[str, Any], default: Any) -> Any:
    kind = value.get("class")
    if not isinstance(kind, str):
        raise _UnknownError(f"it holds {value}, of which only a digest was recorded")
    settings = {name: inner for name, inner in value.items() if name != "class"}
    rules = {type(rule).__name__: type(rule) for rule in choices(default).values()} if callable(default) else {}
    return _made(kind, settings, rules.get(kind))


def _function(name: str, default: Any) -> Any:
    for known, function in choices(default).items():
        if name in (known, getattr(function, "__qualname__", "")):
            return function
    raise _UnknownError(f"the function {name!r} is unknown: {_NOT_HERE}")
