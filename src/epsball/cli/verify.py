"""``epsball verify``: is everything that a run folder reports so?"""

from typing import Annotated

import typer

from epsball.attacks.registry import attack_class
from epsball.cli.exit_codes import ExitCode
from epsball.cli.options import Json, RunFolder
from epsball.cli.output import note, print_findings, print_result, table
from epsball.cli.running import interruptible
from epsball.errors import InputError
from epsball.evaluation.plan import attack_source
from epsball.record.manifest import read_manifest
from epsball.record.plan import portable
from epsball.report.text import count
from epsball.verification.identity import AttackSource, load_for, named_source
from epsball.verification.verify import verify as check


def verify(
    folder: RunFolder,
    *,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The model, by any name that `evaluate` takes; needed unless the run names one of zoo:NAME.",
        ),
    ] = None,
    trust_source: Annotated[
        bool,
        typer.Option(
            "--trust-source", help="Load the model that the run names, which may run code: say what and do it."
        ),
    ] = False,
    attack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=module:Class", help="Compare the source of the attack NAME with this one; repeatable."
        ),
    ] = None,
    passes: Annotated[int | None, typer.Option(min=1, help="Forward passes for every reported success.")] = None,
    as_json: Json = False,
) -> None:
    """Verify every file, row and reported success of a run folder; exit 3 if one is not so."""
    plan = read_manifest(folder).plan
    attacks = dict(map(_attack, attack or ()))
    if trust_source and model is None:
        note(f"Loading the model that the run names: {named_source(plan)}.")
    with interruptible(folder, "nothing in it was changed"):
        verified = check(
            folder,
            None if model is None else load_for(plan, model),
            passes=passes,
            trust_source=trust_source,
            attacks=attacks,
        )
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


def _attack(text: str) -> tuple[str, AttackSource]:
    """NAME=module:Class or NAME=file.py:Class as the name and what that class is."""
    name, equals, place = text.partition("=")
    if not (name and equals and ":" in place):
        raise InputError(f"--attack was given as {text!r}; expected NAME=module:Class or NAME=path/to/file.py:Class")
    return name, attack_source(attack_class(place))
