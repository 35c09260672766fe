"""The public names: explicit, complete, in order and described."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

import epsball

TREE = ast.parse(Path(epsball.__file__).read_text(encoding="utf-8"))


def written_list() -> list[str]:
    """`__all__` as it stands in the file: a plain list of strings, or nothing."""
    for node in TREE.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def in_order(name: str) -> tuple[int, list[tuple[int, int, str]]]:
    """The linter's order (RUF022): constants, classes, the rest; digits by their value."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return kind, [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


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


def test_the_list_is_written_out() -> None:
    assert written_list() == epsball.__all__
    assert epsball.__all__


def test_no_import_brings_names_unseen() -> None:
    stars = [ast.unparse(n) for n in ast.walk(TREE) if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"]
    assert stars == []


def test_the_list_is_complete() -> None:
    imported = {a.asname or a.name for n in TREE.body if isinstance(n, ast.ImportFrom) for a in n.names}
    public = {name for name in imported if not name.startswith("_") and name != "annotations"}
    assert public - set(epsball.__all__) == set()
    assert [name for name in epsball.__all__ if not hasattr(epsball, name)] == []


def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    assert epsball.__all__ == sorted(set(epsball.__all__), key=in_order)


def test_the_file_holds_no_code() -> None:
    kinds = {type(node) for node in TREE.body}
    assert kinds <= {ast.Expr, ast.ImportFrom, ast.Assign}


@pytest.mark.parametrize("name", epsball.__all__)
def test_every_public_object_says_what_it_is(name: str) -> None:
    value = getattr(epsball, name)
    if isinstance(value, str):
        return
    assert described(value), f"{name} has no docstring of its own"
    silent = [f"{name}.{member}" for member, m in public_members(value) if not inspect.getdoc(m)]
    assert silent == []


@pytest.mark.parametrize(("name", "kind"), [("PGD", 0), ("X", 1), ("DeepFool", 1), ("linf", 2), ("load_data", 2)])
def test_order_by_kind(name: str, kind: int) -> None:
    assert in_order(name)[0] == kind
