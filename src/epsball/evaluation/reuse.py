"""A run that is finished already: its result is read, and says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from epsball.diagnostics.unexpected_accuracy import unexpected_accuracy, unlike
from epsball.errors import InputError
from epsball.record.evaluation import Finding
from epsball.record.reading import read_run
from epsball.record.run_folder import DECISIVE_VERSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.record import Evaluation, Plan


def read_again(out: str | Path, now: Plan, ids: NDArray[np.int64], expected: float | None = None) -> Evaluation:
    """The result of the finished run in `out`, marked as reused; one of other versions has a finding that names them.

    Args:
        out: the run folder.
        now: the plan of the run that was asked for.
        ids: of its samples (n,).
        expected: clean accuracy that the user expects.

    Raises:
        InputError: a file of the folder is missing or was altered, or its samples have other ids, on which all draws depend.
    """
    run = read_run(out)
    refuse_other_ids(run.ids, ids)
    findings = [*run.findings, *other_versions(run.plan, now)]
    if expected is not None and not any(finding.id == unexpected_accuracy.id for finding in findings):
        right = int((run.clean == run.label).sum())
        findings += unexpected_accuracy.findings(unlike(expected, right, len(run)))
    return replace(run, findings=findings, reused=True)


def refuse_other_ids(recorded: NDArray[np.int64], now: NDArray[np.int64]) -> None:
    """Refuse to go on with samples of other ids than those of the run folder.

    Raises:
        InputError: they are others.
    """
    if not np.array_equal(recorded, now):
        raise InputError(
            "the run folder holds samples of other ids; choose another folder with out=, or delete that one"
        )


def other_versions(recorded: Plan, now: Plan) -> list[Finding]:
    """A finding if the run was made under other versions than those installed."""
    old, new = (
        ", ".join(f"{name} {plan.environment.versions.get(name) or 'of no version'}" for name in DECISIVE_VERSIONS)
        for plan in (recorded, now)
    )
    if old == new:
        return []
    return [
        Finding(
            "environment",
            "INFO",
            "The result was made under other versions and read, not computed again",
            f"made under {old}; this is {new}",
            "evaluate into another folder to measure it under these",
        )
    ]
