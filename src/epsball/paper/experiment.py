"""What an experiment is: a claim of the paper, how it is measured, and the checks, tables and figures of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes

    from epsball.paper.lab import Lab
    from epsball.paper.rows import Rows

Text: TypeAlias = "str | Callable[[Rows], str]"
"""A text, or what makes it from the rows."""

Answer: TypeAlias = "tuple[str, bool | None]"
"""The numbers measured, with their intervals, and whether a statement holds; None where that cannot be decided, and why in the text."""


Cells: TypeAlias = "Mapping[str, str | Callable[[Rows], str]]"
"""The text of each cell of a line for its rows, or the column of rows that it shows, by the cell's head."""


def worded(text: Text, rows: Rows) -> str:
    """Return a text as it reads for these rows."""
    return text if isinstance(text, str) else text(rows)


class Verdict(str, Enum):
    """What a measurement says about a claim."""

    HOLDS = "holds"
    PARTLY = "holds in part"
    FAILS = "does not hold"
    MISSING = "not measured"


@dataclass(frozen=True)
class Check:
    """One statement of a claim that rows can contradict.

    Args:
        statement: what ought to be so, with its threshold.
        paper: the number of the paper or its sources, or "–".
        answer: whether the rows say so.
        applies: whether the statement is made of these rows at all.
    """

    statement: Text
    paper: str
    answer: Callable[[Rows], Answer]
    applies: Callable[[Rows], bool] = lambda _: True


def check(statement: Text, paper: str) -> Callable[[Callable[[Rows], Answer]], Check]:
    """Make the check of a statement from the function that answers it."""
    return lambda answer: Check(statement, paper, answer)


@dataclass(frozen=True)
class Finding:
    """A check that was made of rows: its statement, the paper's number, the one measured, and whether the statement holds."""

    statement: str
    paper: str
    measured: str
    holds: bool | None


@dataclass(frozen=True)
class Table:
    """Rows as lines of text.

    Args:
        caption: what is shown.
        lines: the columns of rows that are the same all along a line.
        cells: what a line shows.
        rows: of all rows, those that are shown, or what is computed from them.
    """

    caption: Text
    lines: tuple[str, ...]
    cells: Cells
    rows: Callable[[Rows], Rows]

    def filled(self, rows: Rows) -> tuple[tuple[str, ...], ...]:
        """Return the lines, cell by cell."""
        lines = self.rows(rows).by(*self.lines).values()
        return tuple(
            tuple(
                str(getattr(line.rows[0], cell)) if isinstance(cell, str) else cell(line)
                for cell in self.cells.values()
            )
            for line in lines
        )


class Figure(Protocol):
    """Rows as a plot."""

    @property
    def caption(self) -> Text:
        """The sentence that says what it shows."""

    def draw(self, rows: Rows) -> Axes:
        """Return the plot."""


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Args:
        id: its number, "E3".
        name: what it is called on the command line.
        claim: what the paper says, in a sentence.
        test: how that is tested, in a sentence.
        measure: runs it.
        setting: data, sizes and settings of such a run, in sentences.
        checks: the claim's statements.
        tables: of the rows.
        figures: of the rows.
    """

    id: str
    name: str
    claim: str
    test: str
    measure: Callable[[Lab], Rows]
    setting: Callable[[Lab], str]
    checks: tuple[Check, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]

    def findings(self, rows: Rows) -> tuple[Finding, ...]:
        """Return every statement that is made of these rows, held against them."""
        return tuple(
            Finding(worded(check.statement, rows), check.paper, *check.answer(rows))
            for check in self.checks
            if check.applies(rows)
        )


def verdict(findings: tuple[Finding, ...]) -> Verdict:
    """All statements together; those that could not be measured do not count while others could."""
    known = [finding.holds for finding in findings if finding.holds is not None]
    if not known:
        return Verdict.MISSING
    if all(known):
        return Verdict.HOLDS
    return Verdict.PARTLY if any(known) else Verdict.FAILS
