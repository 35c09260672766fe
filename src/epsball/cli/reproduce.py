"""``epsball reproduce``: the paper's experiments, claim by claim."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epsball.cli.options import Json, Seed
from epsball.cli.output import note, print_result, table
from epsball.cli.running import interruptible
from epsball.paper.lab import Lab
from epsball.paper.reproduce import PAGE, Result
from epsball.paper.reproduce import reproduce as measure

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[EXPERIMENT …]", help="Of `epsball list experiments`, by name or number; all by default."),
]
Folder = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="Where page, JSON, figures and finished steps are written.")
]

_RESULTS = Path("results")


def reproduce(
    experiments: Names = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Embedded digits and short settings; MNIST and CIFAR-10 in full otherwise.")
    ] = False,
    out: Folder = _RESULTS,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure the paper's claims, judge each, and write one HTML page; a stopped run goes on where it was."""
    names = experiments or []
    # a folder named from the root is this machine's own and helps nobody who reads the result
    options = {"--quick": quick, f"--out {out}": out != _RESULTS and not out.is_absolute(), f"--seed {seed}": seed != 0}
    words = ["epsball reproduce", *names, *(option for option, given in options.items() if given)]
    with interruptible(out):
        results = measure(Lab(quick=quick, out=out, seed=seed, say=note), names, " ".join(words))
    document = {
        "experiments": [
            {"id": r.experiment.id, "name": r.experiment.name, "verdict": r.verdict.value, "checks": _checks(r)}
            for r in results
        ],
        "page": out / PAGE,
    }
    print_result(_verdicts(results), document, as_json=as_json)
    note(f"Page: {out / PAGE}   (open it in a browser)")


def _checks(result: Result) -> list[dict[str, object]]:
    return [asdict(finding) for finding in result.findings]


def _verdicts(results: list[Result]) -> Table:
    shown = table("The paper, claim by claim", "experiment", "measured", "verdict", numeric=False)
    for result in results:
        lines = [f"{finding.statement}: {finding.measured}" for finding in result.findings]
        shown.add_row(f"{result.experiment.id} {result.experiment.name}", "\n".join(lines), result.verdict.value)
    return shown
