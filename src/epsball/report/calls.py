"""Attacks as the Python that makes them, from the settings that a plan holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epsball.record.plan import AttackPlan

WIDTH, INDENT = 96, "    "
PARTS = {"loss": "eb.losses", "rule": "step_rules", "slope": "slopes"}
"""Settings that are functions of the library, and the module that holds them."""


def attack_call(attack: AttackPlan) -> str:
    """``eb.PGD(steps=40, …)``, over several lines where one is too long."""
    return _call({"class": attack.kind, **attack.settings}, 0)


def needed_imports(text: str) -> list[str]:
    """The lines that `text` needs beside ``import epsball as eb``."""
    used = sorted(part for part in PARTS.values() if "." not in part and f"={part}." in text)
    return [f"from epsball.attacks.parts import {', '.join(used)}"] if used else []


def _call(fields: Mapping[str, Any], depth: int) -> str:
    arguments: list[str] = []
    for name, value in fields.items():
        if name == "class":
            continue
        if isinstance(value, list) and value and all(isinstance(each, dict) and "class" in each for each in value):
            arguments += [_call(each, depth + 1) for each in value]
        else:
            arguments.append(f"{name}={_value(name, value, depth + 1)}")
    kind = str(fields["class"])
    start = kind.rpartition(":")[2] if ":" in kind else f"eb.{kind}"
    line = f"{start}({', '.join(arguments)})"
    if "\n" not in line and len(line) + len(INDENT) * depth <= WIDTH:
        return line
    inside = INDENT * (depth + 1)
    return f"{start}(\n" + "".join(f"{inside}{argument},\n" for argument in arguments) + f"{INDENT * depth})"


def _value(name: str, value: Any, depth: int) -> str:
    if isinstance(value, dict):
        return _call(value, depth) if "class" in value else repr(value)
    if isinstance(value, list):
        inside = [_value(name, each, depth + 1) for each in value]
        return f"({', '.join(inside)}{',' * (len(inside) == 1)})"
    if value == "inf":
        return 'float("inf")'
    if name in PARTS and isinstance(value, str) and value.isidentifier():
        return f"{PARTS[name]}.{value}"
    return repr(value)
