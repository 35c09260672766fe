"""Feeding an experiment results that were never measured."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from epsball.paper.experiment import Experiment, Verdict, verdict
from epsball.report.svg import inline

if TYPE_CHECKING:
    from collections.abc import Iterable


FACTS: dict[str, Any] = {
    "command": "epsball reproduce",
    "quick": False,
    "started": "2026-01-01",
    "machine": {"processor": "a processor", "cores": 2},
    "versions": {"torch": "2"},
}
"""How a result came about, as a page needs it."""


def changed(measured: dict[str, Any], changes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A copy with other values at paths such as "networks/nin/rho"."""
    copied = copy.deepcopy(measured)
    for path, value in changes:
        *folders, last = path.split("/")
        place: Any = copied
        for folder in folders:
            place = place[_key(place, folder)]
        place[_key(place, last)] = value
    return copied


def _key(place: Any, name: str) -> str | int:
    return int(name) if isinstance(place, list) else name


def supports(experiment: Experiment, measured: dict[str, Any]) -> None:
    """The result supports every statement, and can be shown."""
    checks = experiment.judge(measured)
    assert [check.statement for check in checks if check.holds is False] == []
    assert verdict(checks) is Verdict.HOLDS
    assert all(len(row) == len(table.columns) for table in experiment.tables(measured) for row in table.rows)
    assert all("<path" in inline(picture.plot, "p", picture.caption) for picture in experiment.pictures(measured))


def contradicts(experiment: Experiment, measured: dict[str, Any], statement: str) -> None:
    """The result contradicts the statement that contains these words, and the verdict is no longer that all hold."""
    checks = experiment.judge(measured)
    fallen = [check.statement for check in checks if check.holds is False]
    assert any(statement in each for each in fallen), (statement, fallen)
    assert verdict(checks) in {Verdict.PARTLY, Verdict.FAILS}
