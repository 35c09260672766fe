"""Running an evaluation from the command line: what is kept on an interrupt, what is said at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from epsball.cli.group import GATE_FAILED, INTERRUPTED, UNUSABLE
from epsball.cli.output import document, doubts, note, results, say
from epsball.errors import InputError
from epsball.report.text import percent
from epsball.units import parse_number

if TYPE_CHECKING:
    from epsball.record import Evaluation


@contextmanager
def kept(out: Path | None, remedy: str = "the same command continues it") -> Iterator[None]:
    """On Ctrl-C say what is kept and where, and exit 130."""
    try:
        yield
    except KeyboardInterrupt as stop:
        where = f"what is finished is kept in {out}, {remedy}" if out else "nothing is kept without --out FOLDER"
        note(f"Interrupted: {where}.")
        raise typer.Exit(INTERRUPTED) from stop


def checked_gate(gate: str | None, eps: str | None) -> float | None:
    """The gate as a share; one that can never be judged is refused.

    Raises:
        InputError: it is no share, or there is no ε at which to measure.
    """
    if gate is None:
        return None
    share = parse_number(gate, "--gate")
    if not 0 <= share <= 1:
        raise InputError(f"--gate was given as {gate}; expected a share between 0 and 1, such as 0.8")
    if eps is None:
        raise InputError(
            "--gate asks for robust accuracy at some ε, and there is none; give --eps, such as --eps 8/255"
        )
    return share


def conclude(
    evaluate: Callable[[], "Evaluation"], out: Path | None, *, gate: float | None, as_json: bool, title: str = ""
) -> None:
    """Evaluate, print the result, and exit 2 if it cannot be trusted, 1 if it is below the gate."""
    with kept(out):
        run = evaluate()
    doubts(run)
    say(results(run, title), document(run, out), as_json=as_json)
    if out is not None:
        note(f"Run folder: {out}\nNext:       epsball report {out}   epsball verify {out}")
    if not run.trusted:
        note("Error: the result cannot be trusted, see the findings above; do not quote it.")
        raise typer.Exit(UNUSABLE)
    if gate is not None and run.robust_accuracy() < gate:
        note(f"Gate failed: robust accuracy {percent(run.robust_accuracy())} is below {percent(gate)}.")
        raise typer.Exit(GATE_FAILED)
