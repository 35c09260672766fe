"""Digests of source: of a factory's file and what it imports from beside it, and of live functions and classes. Nothing is run."""

from __future__ import annotations

import ast
import dis
import hashlib
import inspect
import textwrap
import types
from typing import TYPE_CHECKING, Any

from epsball.models.contents import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def of_files(path: Path) -> dict[str, str]:
    """Return the SHA-256 of a file and, transitively, of the modules that it imports from its folder, by their paths in it.

    Imports are read wherever they stand, inside functions too; a file that is no Python ends the search.
    """
    folder, digests, waiting = path.parent, {}, [path]
    while waiting:
        file = waiting.pop()
        name = file.relative_to(folder).as_posix()
        if name in digests:
            continue
        content = file.read_bytes()
        digests[name] = hashlib.sha256(content).hexdigest()
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError):
            continue
        for dotted in _imported(tree, file.parent.relative_to(folder).parts):
            waiting += _files(folder, dotted)
    return digests


def of_objects(things: Iterable[Any]) -> dict[str, str]:
    """Return the SHA-256 of the source of functions and classes, without comments, docstrings and layout, by qualified name.

    Where there is no source, as for what was typed in, the compiled code stands for it. Things of one name share an entry.
    """
    digests: dict[str, list[str]] = {}
    for thing in things:
        text = _lambda(thing) if getattr(thing, "__name__", "") == "<lambda>" else _source(thing)
        text = _compiled(thing) if text is None else text
        digests.setdefault(name_of(thing), []).append(hashlib.sha256(text.encode()).hexdigest())
    return {
        name: each[0] if len(each) == 1 else hashlib.sha256("".join(sorted(each)).encode()).hexdigest()
        for name, each in digests.items()
    }


def _imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The dotted names that a file in `package` imports, seen from its folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = (*above, *(node.module or "").split(".")) if node.module else above
            yield base
            yield from ((*base, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            named = [each.value for each in node.args if isinstance(each, ast.Constant)]
            yield from (tuple(name.split(".")) for name in named if isinstance(name, str))


def _files(folder: Path, dotted: tuple[str, ...]) -> Iterator[Path]:
    """The files of a module and of the packages around it, as far as they lie in the folder."""
    for length in range(1, len(dotted) + 1):
        place = folder.joinpath(*dotted[:length])
        yield from (file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file())


def _source(thing: Any) -> str | None:
    try:
        text = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        return None
    try:
        return _normal(ast.parse(text))
    except SyntaxError:
        return text


def _normal(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _lambda(function: types.FunctionType) -> str | None:
    """The text of a lambda alone: what stands around it in its line is no part of the model."""
    code = function.__code__
    try:
        tree = ast.parse("".join(inspect.findsource(function)[0]))
    except (OSError, TypeError, SyntaxError):
        return None
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno]
    if len(found) > 1:
        places = [step.positions for step in dis.get_instructions(code)] if hasattr(code, "co_positions") else []
        columns = {place.col_offset for place in places if place is not None and place.lineno == code.co_firstlineno}
        within = [node for node in found if node.body.col_offset in columns]
        found = within[-1:] or found
    return "\n".join(ast.unparse(node) for node in found) or None


def _compiled(thing: Any) -> str:
    """What the interpreter runs, without line numbers."""
    if isinstance(thing, type):
        members = {name: member for name, member in vars(thing).items() if isinstance(member, types.FunctionType)}
        return "\n".join(f"{name} {_compiled(members[name])}" for name in sorted(members))
    return _of_code(thing.__code__)


def _of_code(code: types.CodeType) -> str:
    constants = [_of_code(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_varnames} {code.co_freevars}"
