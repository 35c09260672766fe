"""``epsball verify``: does a run folder hold what it claims?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epsball.cli.options import Json
from epsball.cli.output import note, say, table
from epsball.cli.running import kept
from epsball.report.text import count

if TYPE_CHECKING:
    from epsball.models.wrap import Model

Folder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that `epsball evaluate --out` wrote.")]


def verify(
    folder: Folder,
    *,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Where the model is now, if the recorded name no longer leads there."),
    ] = None,
    passes: Annotated[int | None, typer.Option(min=1, help="Fresh passes for every claimed error.")] = None,
    as_json: Json = False,
) -> None:
    """Check every file, row and claimed error of a run folder again; exit 2 if one does not hold."""
    from epsball.verification.verify import verify as check  # noqa: PLC0415 (torch is only loaded by commands that compute)

    with kept(folder, "nothing in it was changed"):
        held = check(folder, None if model is None else _elsewhere(folder, model), passes=passes)
    shown = table(f"{folder} holds what it claims", "", "checked")
    for name, number in (("samples", held.samples), ("claimed errors", held.hits), ("passes for each", held.passes)):
        shown.add_row(name, count(number))
    if not held.complete:
        note("The run is not finished; what it holds so far was checked.")
    for finding in held.findings:
        note(f"{finding.severity}: {finding.message} ({finding.evidence}); {finding.remedy}")
    say(
        shown,
        {
            "run": folder,
            "verified": True,
            "samples": held.samples,
            "claimed_errors": held.hits,
            "passes": held.passes,
            "complete": held.complete,
            "findings": [vars(finding) for finding in held.findings],
        },
        as_json=as_json,
    )


def _elsewhere(folder: Path, source: str) -> "Model":
    """The run's model from another place, normalised as the run recorded it."""
    from epsball.record.run_folder import read_manifest  # noqa: PLC0415 (the same)
    from epsball.verification.identity import model_of  # noqa: PLC0415 (torch is only loaded by commands that compute)

    spec = read_manifest(folder)["spec"]
    return model_of({**spec, "model": {**spec["model"], "source": source}}, None)
