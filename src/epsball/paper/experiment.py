"""What an experiment is: a claim of the paper, how it is measured, and how the measurement is judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from epsball.paper.lab import Lab

Measured: TypeAlias = "dict[str, Any]"
"""What an experiment measured, as JSON holds it; judgement, tables and pictures are drawn from it alone."""


class Verdict(str, Enum):
    """What a measurement says about a claim."""

    HOLDS = "holds"
    PARTLY = "holds in part"
    FAILS = "does not hold"
    MISSING = "not measured"


@dataclass(frozen=True)
class Check:
    """One statement of a claim that a measurement can contradict.

    Args:
        statement: what ought to be so, with its threshold.
        paper: the figure of the paper or its sources, or "–".
        measured: the figure measured, with its interval.
        holds: whether it is so; None where it could not be measured, and `measured` says what is missing.
    """

    statement: str
    paper: str
    measured: str
    holds: bool | None


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A plot and the sentence that says what it shows."""

    caption: str
    plot: Axes


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Args:
        id: its number, "E3".
        name: what it is called on the command line.
        claim: what the paper says, in a sentence.
        test: how that is tested, in a sentence.
        measure: runs it.
        judge: the claim's statements, each held against the measurement.
        tables: the measurement as tables.
        pictures: the measurement as plots.
    """

    id: str
    name: str
    claim: str
    test: str
    measure: Callable[[Lab], Measured]
    judge: Callable[[Measured], tuple[Check, ...]]
    tables: Callable[[Measured], tuple[Table, ...]]
    pictures: Callable[[Measured], tuple[Picture, ...]]


def verdict(checks: tuple[Check, ...]) -> Verdict:
    """All statements together; those that could not be measured do not count while others could."""
    known = [check.holds for check in checks if check.holds is not None]
    if not known:
        return Verdict.MISSING
    if all(known):
        return Verdict.HOLDS
    return Verdict.PARTLY if any(known) else Verdict.FAILS
