"""One-place changes of the library's functions, by mutmut's operators, each as the text of one changed file.

mutmut runs all mutants of a file from one file with a switch in every function. That changes the signatures, sources and
decorators that this library looks at, and leaves decorated functions out; so its operators are used here and its runner is not.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.configuration import config
from mutmut.mutation.file_mutation import Mutation, MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SHOWN = 160


@dataclass(frozen=True)
class Mutant:
    """One change.

    Args:
        file: the file it is made in, from the root.
        number: its place among the mutants of that file.
        function: the function or method it is made in.
        line: where it begins.
        column: where in that line.
        source: the line, without its indentation.
        lines: first and last line of the statement, or of the expression in the head of a compound statement.
        body: first and last line of the function.
        before: the code that is replaced, in one line.
        after: what it is replaced by.
    """

    file: str
    number: int
    function: str
    line: int
    column: int
    source: str
    lines: tuple[int, int]
    body: tuple[int, int]
    before: str
    after: str

    @property
    def key(self) -> str:
        """What it is called in the file of results."""
        return f"{self.file}#{self.number}"

    @property
    def change(self) -> str:
        """Before and after, in one line."""
        return f"{self.before} => {self.after}"


class _Finder(MutationVisitor):
    """mutmut's visitor, which also says where; decorated functions are mutated as well, the words of errors are not."""

    def __init__(self, module: cst.Module, file: str) -> None:
        super().__init__(mutation_operators, IgnoredCode(set(), set(), set()))
        self.found: list[tuple[Mutant, Mutation]] = []
        self._module, self._file, self._source = module, file, module.code.splitlines()
        self._inside: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        self._inside.append(node)
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        super().on_leave(original_node)
        self._inside.pop()

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef) and node.decorators:
            return False  # mutmut's switch cannot stand under a decorator; a changed file can
        words = isinstance(node, cst.BaseString) and not isinstance(node, cst.FormattedString)
        if words and any(isinstance(outer, cst.Raise) for outer in self._inside):
            return True
        return super()._skip_node_and_children(node)

    def _create_mutations(self, node: cst.CSTNode) -> None:
        known = len(self.mutations)
        super()._create_mutations(node)
        for mutation in self.mutations[known:]:
            if isinstance(mutation.contained_by_top_level_function, cst.FunctionDef):  # not what a class body sets
                self.found.append((self._described(mutation, mutation.contained_by_top_level_function), mutation))

    def _described(self, mutation: Mutation, function: cst.FunctionDef) -> Mutant:
        named = [n.name.value for n in self._inside if isinstance(n, cst.ClassDef | cst.FunctionDef)]
        statements = [n for n in self._inside if isinstance(n, cst.SimpleStatementLine)]
        first, last = self._lines(mutation.original_node)
        return Mutant(
            file=self._file,
            number=len(self.found),
            function=".".join(named),
            line=first,
            column=self.get_metadata(PositionProvider, mutation.original_node).start.column,
            source=self._source[first - 1].strip(),
            lines=self._lines(statements[-1]) if statements else (first, last),
            body=self._lines(function),
            before=self._text(mutation.original_node),
            after=self._text(mutation.mutated_node),
        )

    def _lines(self, node: cst.CSTNode) -> tuple[int, int]:
        place = self.get_metadata(PositionProvider, node)
        return place.start.line, place.end.line

    def _text(self, node: cst.CSTNode) -> str:
        return " ".join(self._module.code_for_node(node).split())


def _find(root: Path, file: str) -> tuple[cst.Module, list[tuple[Mutant, Mutation]]]:
    module = cst.parse_module((root / file).read_text(encoding="utf-8"))
    wrapper = MetadataWrapper(module)
    finder = _Finder(module, file)
    return wrapper.visit(finder), finder.found


def files(root: Path) -> list[str]:
    """Every file to mutate, as `[tool.mutmut]` of the current folder's pyproject.toml says."""
    chosen = config()
    paths = (path for source in chosen.source_paths for path in (root / source).rglob("*.py"))
    return sorted(name for path in paths if chosen.should_mutate(name := path.relative_to(root).as_posix()))


def mutants(root: Path) -> list[Mutant]:
    """Every mutant of those files, always in the same order."""
    return [mutant for file in files(root) for mutant, _ in _find(root, file)[1]]


def draw(pool: Sequence[Mutant], seed: int, count: int) -> list[Mutant]:
    """`count` of them without repetition, all equally likely."""
    return random.Random(seed).sample(list(pool), count)  # noqa: S311 - nothing is kept secret with it


class Source:
    """The text of a file with one of its mutants; the file last asked for is kept."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file = ""
        self._found: tuple[cst.Module, list[tuple[Mutant, Mutation]]] | None = None

    def text(self, mutant: Mutant) -> str:
        """Return the whole file with this one change."""
        if self._found is None or self._file != mutant.file:
            self._file, self._found = mutant.file, _find(self._root, mutant.file)
        module, found = self._found
        described, mutation = found[mutant.number]
        if described != mutant:
            raise ValueError(f"{mutant.key} is another mutant now; the tree was changed meanwhile, start again")
        changed = deep_replace(module, mutation.original_node, mutation.mutated_node)
        return cast("cst.Module", changed).code


def shortened(text: str) -> str:
    """The text, cut where a table ends."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
