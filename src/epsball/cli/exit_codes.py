"""What the exit codes mean: one meaning each, given nowhere else."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from epsball.errors import FolderLostError, InputError, ModelError, UnfinishedError, UntrustworthyError

if TYPE_CHECKING:
    from epsball.gate.verdict import Verdict
    from epsball.record import Evaluation


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    GATE_FAILED = 1
    UNUSABLE = 2
    """The input or the model cannot be used."""
    NO_NUMBER = 3
    """There is no number to quote: a failed check, an unfinished run, a refused verification, an undecided gate, a lost folder."""
    INTERRUPTED = 130


CODES: dict[type[Exception], ExitCode] = {
    UntrustworthyError: ExitCode.NO_NUMBER,
    FolderLostError: ExitCode.NO_NUMBER,
    UnfinishedError: ExitCode.NO_NUMBER,
    InputError: ExitCode.UNUSABLE,
    ModelError: ExitCode.UNUSABLE,
    OSError: ExitCode.UNUSABLE,
}
"""The exit code of each kind of error that is told in one sentence; any other is a defect and shows its traceback."""


def of_error(error: Exception) -> ExitCode:
    """The exit code of an error of one of the kinds in `CODES`."""
    return next(code for kind, code in CODES.items() if isinstance(error, kind))


def of_run(run: Evaluation) -> ExitCode:
    """The exit code of a command that shows a run; an unfinished one is not trusted."""
    return ExitCode.DONE if run.trusted else ExitCode.NO_NUMBER


def of_verdict(verdict: Verdict) -> ExitCode:
    """The exit code of a command that holds a run against limits; where there are none, that of the run."""
    if not verdict.bounds:
        return of_run(verdict.run)
    return {True: ExitCode.DONE, False: ExitCode.GATE_FAILED, None: ExitCode.NO_NUMBER}[verdict.passed]
