"""``epsball compare``: is one run more robust than another?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epsball.cli.exit_codes import ExitCode
from epsball.cli.options import Json
from epsball.cli.output import console, note, print_result, table
from epsball.cli.streams import write_result
from epsball.comparison.compare import compare as against
from epsball.comparison.comparison import Comparison
from epsball.comparison.document import document
from epsball.comparison.formats import format_name, text
from epsball.comparison.summary import ids_in_words
from epsball.comparison.words import cautions_of, comparison_rows, robust_name, sentence, sides_changed
from epsball.display.text import budget
from epsball.report.text import count
from epsball.terminal import printable

SHOWN = 10
"""Ids of samples that changed sides."""


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Finished run folders; the first is the baseline.")
    ],
    *,
    eps: Annotated[
        str | None,
        typer.Option(
            metavar="EPS", help="Compare at this budget: 0.1, 8/255; by default at the smallest of the runs' own."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one file that needs no network: compare.html, .md or .json."),
    ] = None,
    format: Annotated[  # noqa: A002 (the name of the option)
        str | None,
        typer.Option(
            help="Of that file, by its end otherwise: html, markdown, json; markdown without a file is printed."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="What stands above it.")] = "",
    as_json: Json = False,
) -> None:
    """Hold runs against the first of them on the samples that they share; exit 3 if a run is not trusted."""
    form = None if format is None else format_name(format)
    found = against(*runs, eps=eps)
    path = None if out is None else found.write(out, format=form, title=title)
    for said in cautions_of(found):
        note(f"WARN: {said}")
    if form is not None and out is None and not as_json:
        write_result(printable(text(found, form, title)))
    else:
        print_result(_table(found), document(found) | {"out": path}, as_json=as_json)
        for said in _differences(found):
            console(stderr=as_json).print(printable(said))
    if path is not None:
        note(f"Written: {path}")
    if not found.trusted:
        note("Error: a check failed in a run; no difference from it is a result, do not quote it.")
        raise typer.Exit(ExitCode.NO_NUMBER)


def _table(found: Comparison) -> Table:
    """A line for every run; two lines a figure, so that a narrow terminal shows them too."""
    heading, rows = comparison_rows(found, narrow=True)
    shown = table(f"{found.norm}, {robust_name(found).lower()} at ε = {budget(found.eps)}, 95 % intervals", *heading)
    for column in (shown.columns[0], shown.columns[-1]):
        column.no_wrap, column.overflow, column.justify = False, "fold", "left"
    for row in rows:
        shown.add_row(*row)
    return shown


def _differences(found: Comparison) -> Iterator[str]:
    """What each run has more or less than the baseline, and on which samples."""
    for each in found.differences:
        yield f"{sentence(found, each)}."
        for words, ids in sides_changed(each, found.baseline.name):
            yield f"  {count(len(ids))} {words}: {ids_in_words(ids, SHOWN)}"
