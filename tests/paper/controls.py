"""Negative controls: rows that were never measured, which an experiment must see through."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from epsball.paper.experiment import Experiment, Verdict, verdict, worded
from epsball.paper.rows import Row, Rows
from epsball.report.svg import inline

if TYPE_CHECKING:
    from collections.abc import Collection

FACTS: dict[str, Any] = {
    "setting": "by hand",
    "environment": {
        "command": "epsball reproduce",
        "quick": False,
        "started": "2026-01-01",
        "machine": {"processor": "a processor", "cores": 2},
        "versions": {"torch": "2"},
    },
    "seconds": 1.0,
}
"""How a result came about, as a page needs it."""


def number(value: float, spread: float = 0.0, n: int = 100) -> Row:
    """A number that somebody made up."""
    return Row(value, value - spread, value + spread, n)


NOTHING = number(math.nan, n=0)


def changed(rows: Rows, to: Row | float, **keys: Any) -> Rows:
    """Other numbers in the rows with these keys, or another value between ends as far away as before."""
    chosen = set(map(id, rows.where(**keys)))
    assert chosen, keys
    return Rows(tuple(_changed(row, to) if id(row) in chosen else row for row in rows))


def _changed(row: Row, to: Row | float) -> Row:
    if isinstance(to, Row):
        return replace(row, value=to.value, low=to.low, high=to.high, n=to.n)
    return replace(row, value=to, low=to + row.low - row.value, high=to + row.high - row.value)


def holds(experiment: Experiment, rows: Rows) -> list[bool | None]:
    """What the rows say of each statement."""
    return [finding.holds for finding in experiment.findings(rows)]


def shown(experiment: Experiment, rows: Rows) -> None:
    """The rows make whole tables and figures."""
    for table in experiment.tables:
        lines = table.filled(rows)
        assert worded(table.caption, rows)
        assert lines
        assert all(len(line) == len(table.cells) for line in lines)
    for figure in experiment.figures:
        assert "<path" in inline(figure.draw(rows), "p", worded(figure.caption, rows))


def supports(experiment: Experiment, rows: Rows, statements: int, undecided: int = 0) -> None:
    """The rows support so many statements, leave so many undecided after them, and can be shown."""
    assert holds(experiment, rows) == [True] * statements + [None] * undecided
    assert verdict(experiment.findings(rows)) is Verdict.HOLDS
    shown(experiment, rows)


def contradicts(experiment: Experiment, rows: Rows, fallen: Collection[int], undecided: int = 0) -> None:
    """The rows contradict the statements at these places and no other, and the verdict is no longer that all hold."""
    found = holds(experiment, rows)
    assert [place for place, each in enumerate(found) if each is False] == sorted(fallen)
    assert found.count(None) == undecided
    assert verdict(experiment.findings(rows)) in {Verdict.PARTLY, Verdict.FAILS}
