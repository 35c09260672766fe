"""What the exit codes mean: one meaning each, given nowhere else."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from epsball.errors import FolderLostError, InputError, ModelError, UnfinishedError, UntrustworthyError

if TYPE_CHECKING:
    from epsball.record import Evaluation


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    GATE_FAILED = 1
    UNUSABLE = 2
    """The input or the model cannot be used."""
    NO_NUMBER = 3
    """There is no number to quote: a failed check, an unfinished run, a refused verification, a lost run folder."""
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


def of_run(run: Evaluation, *, gate: float | None = None) -> ExitCode:
    """The exit code of a command that shows a run.

    Args:
        run: the run; an unfinished one is not trusted.
        gate: the least robust accuracy at the run's ε that passes; anything passes when left out.
    """
    if not run.trusted:
        return ExitCode.NO_NUMBER
    return ExitCode.DONE if gate is None or run.robust_accuracy() >= gate else ExitCode.GATE_FAILED
