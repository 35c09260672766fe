"""What a command says at its end: a table for people, one JSON document for programs."""

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from epsball.record import metrics
from epsball.report.budget import budget
from epsball.report.text import NORMS, count, epsilon, number, percent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from epsball.record import Evaluation


def console(*, stderr: bool) -> "Console":
    """A console on stdout or stderr; no colours where it is not a terminal."""
    from rich.console import Console  # noqa: PLC0415 (only for commands that print)

    return Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True)


def note(text: str) -> None:
    """One line on stderr."""
    typer.echo(text, err=True)


def table(title: str, *columns: str, numeric: bool = True) -> "Table":
    """An empty table; all columns but the first are aligned as numbers if `numeric`."""
    from rich import box  # noqa: PLC0415 (only for commands that print)
    from rich.table import Table  # noqa: PLC0415 (the same)

    made = Table(
        title=title,
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


def say(shown: "Table", document: dict[str, Any], *, as_json: bool) -> None:
    """Print the table on stdout; with ``--json`` the document instead, and the table on stderr."""
    console(stderr=as_json).print(shown)
    if as_json:
        sys.stdout.write(json.dumps(finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """The same value with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def interval(low: float, high: float) -> str:
    """``9.3 … 13.1 %``."""
    return f"{100 * low:.1f} … {percent(high)}"


def results(run: "Evaluation", title: str = "") -> "Table":
    """Clean accuracy, then every attack with what it and all before it leave."""
    threat = run.spec["threat"]
    title = title or f"{NORMS[threat['norm']]}, ε = {epsilon(threat)}, {count(len(run))} samples"
    shown = table(title, "", "accuracy", "95 % interval", "fooled", "distance", "|r|/|x|", "queries")
    right = int((run.clean == run.label).sum())
    shown.add_row("clean", percent(run.clean_accuracy), interval(*metrics.wilson(right, len(run))), "", "", "", "")
    for line in metrics.standings(run, budget(run)):
        standing = round(line.standing * len(run))
        shown.add_row(
            line.attack,
            percent(line.standing),
            interval(*metrics.wilson(standing, len(run))),
            f"{count(line.broken)} of {count(line.asked)}",
            number(metrics.median_distance(run, line.attack)),
            number(metrics.mean_relative(run, line.attack).mean),
            number(line.queries),
        )
    return shown


def document(run: "Evaluation", out: Path | None) -> dict[str, Any]:
    """The result as JSON; distances that were not found are null."""
    low, high = run.interval(budget(run))
    return {
        **run.spec,
        "clean_accuracy": run.clean_accuracy,
        "robust_accuracy": run.robust_accuracy(budget(run)),
        "robust_interval": [low, high],
        "certified_accuracy": run.certified_accuracy(),
        "median_distance": metrics.median_distance(run),
        "trusted": run.trusted,
        "findings": [vars(finding) for finding in run.findings],
        "results": {
            line.attack: {
                "asked": line.asked,
                "fooled": line.broken,
                "own_accuracy": line.own_accuracy,
                "accuracy_so_far": line.standing,
                "median_distance": metrics.median_distance(run, line.attack),
                "mean_relative": metrics.mean_relative(run, line.attack).mean,
                "queries": line.queries,
            }
            for line in metrics.standings(run, budget(run))
        },
        "seconds": run.seconds,
        "out": out,
    }


def doubts(run: "Evaluation") -> None:
    """The findings on stderr, one line each; what is only for the record stands in the report."""
    for finding in run.findings:
        if finding.severity != "INFO":
            note(f"{finding.severity}: {finding.message} ({finding.evidence}); {finding.remedy}")
