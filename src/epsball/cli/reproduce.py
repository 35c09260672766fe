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
from epsball.paper.reproduce import PAGE, Result, place
from epsball.paper.reproduce import reproduce as measure
from epsball.report.text import DASH

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[EXPERIMENT …]", help="Of `epsball list experiments`, by name or number; all by default."),
]
Folder = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FOLDER",
        help="Where page, JSON, figures and finished steps are written; in FOLDER/seed-N for other seeds, and in FOLDER/quick "
        "where results in full stand already.",
    ),
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
    folder = place(out if seed == 0 else out / f"seed-{seed}", quick=quick)
    lab = Lab(quick=quick, out=folder, seed=seed, say=note)
    with interruptible(folder):
        results = measure(lab, names, " ".join(words))
    document = {
        "experiments": [
            {
                "id": r.experiment.id,
                "name": r.experiment.name,
                "verdict": r.verdict.value,
                "stand_ins": lab.stand_ins,
                "checks": _checks(r),
            }
            for r in results
        ],
        "page": folder / PAGE,
    }
    print_result(_verdicts(results, lab.stand_ins), document, as_json=as_json)
    note(f"Page: {folder / PAGE}   (open it in a browser)")


def _checks(result: Result) -> list[dict[str, object]]:
    return [asdict(finding) for finding in result.findings]


def _verdicts(results: list[Result], stand_ins: str) -> Table:
    shown = table("The paper, claim by claim", "experiment", "holds", "measured", "verdict", numeric=False)
    for result in results:
        title, said = f"{result.experiment.id} {result.experiment.name}", f"{result.verdict.value}\n{stand_ins}".strip()
        for number, finding in enumerate(result.findings):
            answer = DASH if finding.holds is None else "yes" if finding.holds else "no"
            statement = f"{finding.statement}: {finding.measured}"
            shown.add_row("" if number else title, answer, statement, "" if number else said)
    return shown
