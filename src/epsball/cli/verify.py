"""``epsball verify``: is everything that a run folder reports so?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from epsball.cli.options import Json
from epsball.cli.output import note, say, table
from epsball.cli.running import kept
from epsball.record.manifest import read_manifest
from epsball.record.plan import portable
from epsball.report.text import count

if TYPE_CHECKING:
    from epsball.models.model import Model

Folder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that `epsball evaluate --out` wrote.")]


def verify(
    folder: Folder,
    *,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Where the model is now, if the recorded name no longer leads there."),
    ] = None,
    passes: Annotated[int | None, typer.Option(min=1, help="Fresh passes for every reported success.")] = None,
    as_json: Json = False,
) -> None:
    """Check every file, row and reported success of a run folder again; exit 2 if one is not so."""
    from epsball.verification.verify import verify as check  # noqa: PLC0415 (torch is only loaded by commands that compute)

    with kept(folder, "nothing in it was changed"):
        verified = check(folder, None if model is None else _elsewhere(folder, model), passes=passes)
    shown = table(f"{folder} is verified", "", "checked")
    for name, number in (
        ("samples", verified.samples),
        ("successes", verified.successes),
        ("passes for each", verified.passes),
    ):
        shown.add_row(name, count(number))
    if not verified.complete:
        note("The run is not finished; its finished chunks were checked.")
    for finding in verified.findings:
        note(f"{finding.severity}: {finding.message} ({finding.evidence}); {finding.remedy}")
    say(
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


def _elsewhere(folder: Path, source: str) -> "Model":
    """The run's model from another place, normalised as the run recorded it."""
    from epsball.verification.identity import model_of  # noqa: PLC0415 (torch is only loaded by commands that compute)

    plan = read_manifest(folder).plan
    return model_of(replace(plan, model=replace(plan.model, source=source)), None)
