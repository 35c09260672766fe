"""Running an evaluation from the command line: what remains after an interrupt, what is printed at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from epsball.cli.exit_codes import ExitCode, of_verdict
from epsball.cli.next_command import next_command
from epsball.cli.output import console, note, print_findings, print_result, results, reuse
from epsball.errors import InputError
from epsball.gate.check import judged
from epsball.gate.document import gate_document
from epsball.gate.verdict import Verdict
from epsball.record import Evaluation
from epsball.report.checklist import short
from epsball.report.classes import worst_class
from epsball.report.document import document
from epsball.report.rounds import in_time
from epsball.terminal import printable
from epsball.units import parse_fraction


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
    fraction = parse_fraction(gate, "--gate")
    if eps is None:
        raise InputError("--gate judges robust accuracy at some ε, and none was given; give --eps, such as --eps 8/255")
    return fraction


def conclude(
    evaluate: Callable[[], Evaluation], out: Path | None, *, gate: float | None, as_json: bool, title: str = ""
) -> None:
    """Evaluate, print the result, and exit as the gate says: 3 if it cannot be trusted or judged, 1 if it is below."""
    with interruptible(out):
        run = evaluate()
    conclude_verdict(judged(run, gate=gate), out, as_json=as_json, title=title)


def conclude_verdict(verdict: Verdict, out: Path | None, *, as_json: bool, title: str = "") -> None:
    """Print a run and what a gate says about it, and exit with its code."""
    run = verdict.run
    reuse(run, out)
    if not run.plan.data.split:
        origin = run.plan.data.source
        note(f"{origin} has no test split: all of its images are meant, those that a model was trained on among them.")
    if left_out := run.plan.data.left_out:
        names = " or ".join(map(str, run.plan.targets))
        note(f"{left_out} of {len(run) + left_out} samples have the label {names} already and are left out.")
    if said := in_time(run):
        note(f"Time: {said}.")
    print_findings(run.findings)
    if not run.attacks:
        note("No number: the run ended after the clean pass and no attack was run; --anyway runs them.")
    print_result(results(run, title), {**document(run, out), **gate_document(verdict)}, as_json=as_json)
    if said := worst_class(run):
        console(stderr=as_json).print(printable(said))
    note(short(run))
    if out is not None:
        note(f"Run folder: {out}\nNext:       {next_command(run, out)}")
    end(verdict)


def end(verdict: Verdict) -> None:
    """Exit with the code of a verdict, and say it."""
    code, run = of_verdict(verdict), verdict.run
    if not run.trusted:
        note("Error: the result cannot be trusted, see the findings above; do not quote it.")
    elif verdict.bounds:
        note(f"Gate {verdict.reason}.")
    if code is not ExitCode.DONE:
        raise typer.Exit(code)
