"""Running an evaluation from the command line: what remains after an interrupt, what is printed at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from epsball.cli.exit_codes import ExitCode, of_run
from epsball.cli.next_command import next_command
from epsball.cli.output import note, print_findings, print_result, results, reuse
from epsball.errors import InputError
from epsball.record import Evaluation
from epsball.report.document import document
from epsball.report.text import percent
from epsball.units import parse_number


@contextmanager
def interruptible(out: Path | None, remedy: str = "the same command continues it") -> Iterator[None]:
    """On Ctrl-C say what remains and where; the outermost layer exits with 130."""
    try:
        yield
    except KeyboardInterrupt as stop:
        where = f"what is finished lies in {out}, {remedy}" if out else "nothing is written without --out FOLDER"
        raise KeyboardInterrupt(f"{where}.") from stop


def checked_gate(gate: str | None, eps: str | None) -> float | None:
    """The gate as a fraction; one that can never be judged is refused.

    Raises:
        InputError: it is no fraction, or there is no ε at which to measure.
    """
    if gate is None:
        return None
    fraction = parse_number(gate, "--gate")
    if not 0 <= fraction <= 1:
        raise InputError(f"--gate was given as {gate}; expected a fraction between 0 and 1, such as 0.8")
    if eps is None:
        raise InputError("--gate judges robust accuracy at some ε, and none was given; give --eps, such as --eps 8/255")
    return fraction


def conclude(
    evaluate: Callable[[], Evaluation], out: Path | None, *, gate: float | None, as_json: bool, title: str = ""
) -> None:
    """Evaluate, print the result, and exit 3 if it cannot be trusted, 1 if it is below the gate."""
    with interruptible(out):
        run = evaluate()
    reuse(run, out)
    if not run.plan.data.split:
        origin = run.plan.data.source
        note(f"{origin} has no test split: all of its images are meant, those that a model was trained on among them.")
    if left_out := run.plan.data.left_out:
        names = " or ".join(map(str, run.plan.targets))
        note(f"{left_out} of {len(run) + left_out} samples have the label {names} already and are left out.")
    print_findings(run.findings)
    if not run.attacks:
        note("No number: the run ended after the clean pass and no attack was run; --anyway runs them.")
    print_result(results(run, title), document(run, out), as_json=as_json)
    if out is not None:
        note(f"Run folder: {out}\nNext:       {next_command(run, out)}")
    end(run, gate=gate)


def end(run: Evaluation, *, gate: float | None = None) -> None:
    """Exit with the code of a finished run; say why where that is not 0."""
    code = of_run(run, gate=gate)
    if code is ExitCode.NO_NUMBER:
        note("Error: the result cannot be trusted, see the findings above; do not quote it.")
    elif code is ExitCode.GATE_FAILED:
        note(f"Gate failed: robust accuracy {percent(run.robust_accuracy())} is below {percent(gate or 0)}.")
    if code is not ExitCode.DONE:
        raise typer.Exit(code)
