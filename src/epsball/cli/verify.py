"""``epsball verify``: is everything that a run folder reports so?"""

from dataclasses import asdict, fields
from typing import Annotated, Any

import typer
from rich.table import Table

from epsball.attacks.base import Attack
from epsball.attacks.registry import attack_class
from epsball.cli.exit_codes import ExitCode
from epsball.cli.loading import data_name
from epsball.cli.options import Json, RunFolder
from epsball.cli.output import note, print_findings, print_result, table
from epsball.cli.running import interruptible
from epsball.errors import InputError
from epsball.record.manifest import read_manifest
from epsball.record.plan import portable
from epsball.replay.rows import Replay
from epsball.replay.verify import verify as check
from epsball.report.text import count, percent
from epsball.verification.identity import load_for, named_source

SHARES = (0.05, 0.2)
"""Of the samples: how large a forgery the chance to miss it is told for."""


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
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="The set that the samples are of, in which the recorded rule must draw them; without it the one that the run names.",
        ),
    ] = None,
    replay: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="K",
            help="Run the whole cascade of K samples again, drawn at random, and compare every column.",
        ),
    ] = 0,
    replay_seed: Annotated[
        int | None, typer.Option(help="Draw the same samples as an earlier replay; a fresh seed without it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify every file, row, finding and success of a run folder, and run samples again; exit 3 if one is not so."""
    plan = read_manifest(folder).plan
    attacks = dict(map(_attack, attack or ()))
    if trust_source and model is None:
        note(f"Loading the model that the run names: {named_source(plan)}.")
    with interruptible(folder, "nothing in it was changed"):
        verified = check(
            folder,
            None if model is None else load_for(plan, model),
            None if data is None else data_name(data),
            passes=passes,
            replay=replay,
            replay_seed=replay_seed,
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
    if verified.replay is not None:
        _add_replay(shown, verified.replay)
    for text in verified.notes:
        note(f"Not checked: {text}.")
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
            "not_checked": list(verified.notes),
            "replay": None if verified.replay is None else _document(verified.replay),
        },
        as_json=as_json,
    )
    if not verified.complete:
        note("Error: the run is unfinished; its finished chunks were verified, do not quote it.")
        raise typer.Exit(ExitCode.NO_NUMBER)


def _add_replay(shown: Table, replay: Replay) -> None:
    """What was run again, how it was compared, and what that cannot tell."""
    shown.add_row("samples run again", f"{count(replay.samples)} of {count(replay.among)}")
    shown.add_row("drawn by seed", str(replay.seed))
    shown.add_row("rows compared", count(replay.rows))
    shown.add_row("run again in whole chunks", count(replay.again))
    shown.add_row("rows equal", "all, to the last bit" if not replay.elsewhere else "by paired tests")
    for share in SHARES:
        what = (
            f"that none of {percent(share)} forged was drawn"
            if replay.elsewhere
            else f"to miss {percent(share)} forged"
        )
        shown.add_row(f"chance {what}", f"{replay.missed(share):.2g}")
    if replay.elsewhere:
        shares = ", ".join(
            f"{name} {percent(differ / max(1, replay.rows))}" for name, differ in replay.differing.items() if differ
        )
        note(f"Not compared to the last bit: {replay.elsewhere}. Rows that differ: {shares or 'none'}.")
        for test in replay.tests:
            if test.more or test.fewer:
                note(f"  {test}")


def _document(replay: Replay) -> dict[str, Any]:
    document = {
        field.name: getattr(replay, field.name) for field in fields(replay) if field.name not in {"tests", "problems"}
    }
    tests = [asdict(test) | {"p": test.p} for test in replay.tests]
    return document | {"tests": tests, "chance_to_miss": {f"{share:g}": replay.missed(share) for share in SHARES}}


def _attack(text: str) -> tuple[str, type[Attack]]:
    """NAME=module:Class or NAME=file.py:Class as the name and what that class is."""
    name, equals, place = text.partition("=")
    if not (name and equals and ":" in place):
        raise InputError(f"--attack was given as {text!r}; expected NAME=module:Class or NAME=path/to/file.py:Class")
    return name, attack_class(place)
