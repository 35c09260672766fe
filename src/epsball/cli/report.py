"""``epsball report``: the record as a page."""

import json
from pathlib import Path
from typing import Annotated

import typer

from epsball.cli.exit_codes import ExitCode, of_run
from epsball.cli.options import Json, RunFolder
from epsball.cli.output import note, print_findings
from epsball.cli.streams import write_result
from epsball.record import read_run
from epsball.report import write_report
from epsball.terminal import printable


def report(
    folder: RunFolder,
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write it; RUN/report.html, report.md and so on by default."),
    ] = None,
    format: Annotated[  # noqa: A002 (the name of the option)
        str,
        typer.Option(
            help="html, a page; markdown or latex, a table; csv, a row an image; json, the figures; model-card, for the Hugging Face hub."
        ),
    ] = "html",
    title: Annotated[str, typer.Option(help="What stands above it; the model's name by default.")] = "",
    as_json: Json = False,
) -> None:
    """Write one file about a run: a page with figures, tables and adversarial examples that needs no network, or another format.

    The exit code is that of the run which it shows.
    """
    run = read_run(folder)
    path = write_report(run, folder, out, format=format, title=title)
    print_findings(run.findings)
    write_result(json.dumps({"report": str(path)}) if as_json else printable(str(path)))
    code = of_run(run)
    if code is not ExitCode.DONE:
        note(
            f"Error: {'a check failed' if run.complete else 'the run is unfinished'}, see the report; do not quote it."
        )
        raise typer.Exit(code)
