"""The public names: complete, typed, in order and described."""

from __future__ import annotations

import ast
import inspect
from dataclasses import is_dataclass
from importlib import metadata
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

import epsball
import epsball.attacks

TREE = ast.parse(Path(epsball.__file__).read_text(encoding="utf-8"))


def described(value: Any) -> bool:
    """Whether the object itself says what it is; a generated signature or an inherited text does not count."""
    if not inspect.isroutine(value) and not inspect.isclass(value) and not inspect.ismodule(value):
        value = type(value)
    text = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    generated = is_dataclass(value) and str(text).startswith(f"{getattr(value, '__name__', '')}(")
    return bool(text and text.strip()) and not generated


def public_members(value: Any) -> list[tuple[str, Any]]:
    """Methods and properties that a class of this package defines or inherits from it, without the underscored."""
    if not inspect.isclass(value):
        return []
    members = inspect.getmembers(value, lambda m: inspect.isroutine(m) or isinstance(m, property))
    return [(n, m) for n, m in members if not n.startswith("_") and _home(m).startswith(epsball.__name__)]


def _home(member: Any) -> str:
    return str(getattr(member.fget if isinstance(member, property) else member, "__module__", "") or "")


def typed() -> list[ast.stmt]:
    """The imports that only type checkers read."""
    return next(node.body for node in TREE.body if isinstance(node, ast.If))


def named() -> dict[str, tuple[str, str]]:
    """Public name -> module and its name there, as the type checker reads them; the attacks are not among them."""
    imports = [node for node in typed() if isinstance(node, ast.ImportFrom)]
    there = {a.asname or a.name: (str(n.module), a.name) for n in imports for a in n.names if a.name != "*"}
    renamed = {ast.unparse(n.targets[0]): ast.unparse(n.value) for n in typed() if isinstance(n, ast.Assign)}
    return {name: place for name, place in there.items() if name not in renamed.values()} | {
        name: there[value] for name, value in renamed.items()
    }


def attacks() -> set[str]:
    """What the file of the attacks imports: one line an attack."""
    body = ast.parse(Path(epsball.attacks.__file__).read_text(encoding="utf-8")).body
    return {a.asname or a.name for node in body if isinstance(node, ast.ImportFrom) for a in node.names}


def test_the_types_are_those_of_the_names() -> None:
    for name, (module, there) in named().items():
        assert getattr(epsball, name) is resolve_name(f"{module}:{there}")


def test_the_list_is_complete() -> None:
    assert set(epsball.__all__) == {*named(), *attacks()}
    assert set(epsball.__all__) <= set(dir(epsball))


def test_only_the_attacks_come_without_being_named() -> None:
    stars = [n.module for n in ast.walk(TREE) if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"]
    assert stars == ["epsball.attacks"]


def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    assert epsball.__all__ == sorted(set(epsball.__all__))


@pytest.mark.parametrize("name", ["Nothing", "nothing", "__path_of_nothing__", "base"])
def test_a_name_that_is_not_there(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'epsball' has no attribute '{name}'"):
        getattr(epsball, name)


def test_the_version_is_the_installed_one() -> None:
    assert epsball.__version__ == metadata.version("epsball")


@pytest.mark.parametrize("name", epsball.__all__)
def test_every_public_object_says_what_it_is(name: str) -> None:
    value = getattr(epsball, name)
    if isinstance(value, str):
        return
    assert described(value), f"{name} has no docstring of its own"
    silent = [f"{name}.{member}" for member, m in public_members(value) if not inspect.getdoc(m)]
    assert silent == []
