"""What a command says at its end: a table for people, one JSON document for programs."""

import errno
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from epsball.cli.streams import result_stream, write_result
from epsball.display.text import NORMS
from epsball.record import Evaluation, Finding, metrics
from epsball.record.statistics import wilson
from epsball.report.budget import budget
from epsball.report.document import finite
from epsball.report.target import left_out, target
from epsball.report.text import count, epsilon, number, percent
from epsball.terminal import printable


class _Frank(Console):
    """A console that leaves it to the outermost layer what a reader who has gone means; its own answer is exit code 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def console(*, stderr: bool) -> Console:
    """A console on stdout or stderr; no colours where it is not a terminal."""
    return _Frank(stderr=stderr, highlight=False, markup=False, soft_wrap=True)


def note(text: str) -> None:
    """One line on stderr."""
    typer.echo(printable(text), err=True)


class _Safe(Table):
    """A table whose cells are no instructions to the terminal."""

    def add_row(self, *cells: Any, **settings: Any) -> None:
        super().add_row(*(printable(cell) if isinstance(cell, str) else cell for cell in cells), **settings)


def table(title: str, *columns: str, numeric: bool = True) -> Table:
    """An empty table; all columns but the first are aligned as numbers if `numeric`."""
    made = _Safe(
        title=printable(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for position, column in enumerate(columns):
        if numeric:
            made.add_column(column, justify="right" if position else "left", no_wrap=True)
        else:
            made.add_column(column, overflow="fold")
    return made


def print_result(shown: Table, document: dict[str, Any], *, as_json: bool) -> None:
    """Print the table on stdout; with ``--json`` the document instead, and the table on stderr."""
    console(stderr=as_json).print(shown)
    if as_json:
        write_result(_json(finite(document)))


def _json(value: Any) -> str:
    """JSON with its letters as they are, unless stdout lacks one of them or one is an instruction to the terminal."""
    unicode = (result_stream().encoding or "").lower().startswith("utf")
    text = json.dumps(value, indent=2, ensure_ascii=not unicode, allow_nan=False)
    return text if printable(text) == text else json.dumps(value, indent=2, allow_nan=False)


def interval(low: float, high: float) -> str:
    """``9.3 … 13.1 %``."""
    return f"{100 * low:.1f} … {percent(high)}"


def results(run: Evaluation, title: str = "") -> Table:
    """Clean accuracy, then every attack with the robust accuracy so far."""
    threat = run.plan.threat
    towards = target(run.plan)
    parts = f"{NORMS[threat.norm]}, ε = {epsilon(threat)}, {count(len(run))} samples", left_out(run.plan)
    doubt = f"NOT TRUSTED, {', '.join(run.failed)} failed" if run.failed else "" if run.complete else "UNFINISHED"
    title = ": ".join(filter(None, (doubt, title or ", ".join(filter(None, parts)))))
    measured, turned = (f"correct, not {towards}", f"into {towards}") if towards else ("accuracy", "fooled")
    shown = table(title, "", measured, "95 % interval", turned, "distance", "|r|/|x|", "queries")
    right = int((run.clean == run.label).sum())
    shown.add_row("clean", percent(run.clean_accuracy), interval(*wilson(right, len(run))), "", "", "", "")
    for line in metrics.attack_summaries(run, budget(run)):
        remaining = round(line.remaining_accuracy * len(run))
        shown.add_row(
            line.attack,
            percent(line.remaining_accuracy),
            interval(*wilson(remaining, len(run))),
            f"{count(line.successes)} of {count(line.attacked)}",
            number(metrics.median_found(run, line.attack, budget(run))),
            number(float(metrics.rho(run, line.attack))),
            number(line.queries),
        )
    return shown


def reuse(run: Evaluation, out: Path | None) -> None:
    """A line on stderr if the result was read from a run that was finished already."""
    if run.reused:
        note(f"{out} is finished already and was made with the same plan: its result is read, nothing is computed.")


def print_findings(findings: Iterable[Finding]) -> None:
    """The findings on stderr, one line each; what is only for the record stands in the report."""
    for finding in findings:
        if finding.severity != "INFO":
            note(f"{finding.severity}: {finding.message} ({finding.evidence}); {finding.remedy}")
