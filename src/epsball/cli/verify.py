"""``epsball verify``: does everything in a run folder hold?"""

from pathlib import Path
from typing import Annotated

import typer

from epsball.cli.exit_codes import ExitCode
from epsball.cli.options import Json, RunFolder
from epsball.cli.output import note, print_findings, print_result, table
from epsball.cli.running import interruptible
from epsball.models.wrap import Model
from epsball.record.run_folder import read_manifest
from epsball.report.text import count
from epsball.verification.identity import model_of
from epsball.verification.verify import verify as check


def verify(
    folder: RunFolder,
    *,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Where the model is now, if the recorded name no longer leads there."),
    ] = None,
    passes: Annotated[int | None, typer.Option(min=1, help="Forward passes for every reported success.")] = None,
    as_json: Json = False,
) -> None:
    """Verify every file, row and reported success of a run folder; exit 3 if one does not hold."""
    with interruptible(folder, "nothing in it was changed"):
        held = check(folder, None if model is None else _elsewhere(folder, model), passes=passes)
    shown = table(f"{folder}: everything holds", "", "verified")
    for name, number in (
        ("samples", held.samples),
        ("reported successes", held.hits),
        ("passes for each", held.passes),
    ):
        shown.add_row(name, count(number))
    print_findings(held.findings)
    print_result(
        shown,
        {
            "run": folder,
            "verified": True,
            "samples": held.samples,
            "reported_successes": held.hits,
            "passes": held.passes,
            "complete": held.complete,
            "findings": [vars(finding) for finding in held.findings],
        },
        as_json=as_json,
    )
    if not held.complete:
        note("Error: the run is unfinished; what it holds so far was verified, do not quote it.")
        raise typer.Exit(ExitCode.NO_NUMBER)


def _elsewhere(folder: Path, source: str) -> Model:
    """The run's model from another place, normalised as the run recorded it."""
    spec = read_manifest(folder)["spec"]
    return model_of({**spec, "model": {**spec["model"], "source": source}}, None)
