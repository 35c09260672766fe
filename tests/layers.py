"""Reading the source of a package: what each module imports, and which constructs it uses."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One imported module, by its absolute name."""

    module: str
    line: int
    when_loaded: bool
    """Whether it runs as soon as the importing module is imported: outside functions, not for types only."""


@dataclass(frozen=True)
class Module:
    """One source file, by its dotted name below the package (`attacks.pgd`; a package's own file is `attacks`)."""

    name: str
    path: Path
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def lines(self) -> int:
        return len(self.path.read_text(encoding="utf-8").splitlines())


def read(root: Path) -> dict[str, Module]:
    """Every module of the package whose folder is `root`, by name; the package's own `__init__` is named ""."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        folder = parts[:-1]
        name = ".".join(folder if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        modules[name] = Module(name, path, tree, tuple(_imports(tree, (root.name, *folder), when_loaded=True)))
    return modules


def _imports(node: ast.AST, package: tuple[str, ...], *, when_loaded: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        loaded = when_loaded and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, loaded) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = ".".join(package[: len(package) - child.level + 1]) if child.level else ""
            origin = ".".join(part for part in (base, child.module) if part)
            yield from (Import(f"{origin}.{alias.name}", child.lineno, loaded) for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), package, when_loaded=False)
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), package, when_loaded=loaded)
        else:
            yield from _imports(child, package, when_loaded=loaded)


def inside(module: str, *names: str) -> bool:
    """Whether the dotted name is one of `names` or lies below one of them."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def own(modules: dict[str, Module], package: str, imported: Import) -> str | None:
    """The module of the package that an import refers to, or None for another package."""
    if not inside(imported.module, package):
        return None
    name = imported.module.removeprefix(package).removeprefix(".")
    while name not in modules:
        name = name.rpartition(".")[0]
    return name


def reachable(modules: dict[str, Module], package: str, start: str) -> set[str]:
    """The modules that `start` imports directly or through others, itself included, the package's `__init__` not."""
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = (own(modules, package, imported) for imported in modules[name].imports)
        waiting += [other for other in found if other]
    return seen
