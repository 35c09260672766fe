"""``epsball verify``: is everything that a run folder reports so?"""

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from epsball.cli.exit_codes import ExitCode
from epsball.cli.options import Json, RunFolder
from epsball.cli.output import note, print_findings, print_result, table
from epsball.cli.running import interruptible
from epsball.models.model import Model
from epsball.record.manifest import read_manifest
from epsball.record.plan import portable
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
    """Verify every file, row and reported success of a run folder; exit 3 if one is not so."""
    with interruptible(folder, "nothing in it was changed"):
        verified = check(folder, None if model is None else _elsewhere(folder, model), passes=passes)
    shown = table(f"{folder} is verified", "", "number")
    for name, number in (
        ("samples", verified.samples),
        ("reported successes", verified.successes),
        ("passes for each", verified.passes),
    ):
        shown.add_row(name, count(number))
    print_findings(verified.findings)
    print_result(
        shown,
        {
            "run": folder,
            "verified": True,
            "samples": verified.samples,
            "successes": verified.successes,
            "passes": verified.passes,
            "complete": verified.complete,
            "findings": [portable(finding) for finding in verified.findings],
        },
        as_json=as_json,
    )
    if not verified.complete:
        note("Error: the run is unfinished; its finished chunks were verified, do not quote it.")
        raise typer.Exit(ExitCode.NO_NUMBER)


def _elsewhere(folder: Path, source: str) -> Model:
    """The run's model from another place, normalised as the run recorded it."""
    plan = read_manifest(folder).plan
    return model_of(replace(plan, model=replace(plan.model, source=source)), None)
