"""``epsball export``: adversarial images for other programs."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from epsball.cli.options import Json, RunFolder
from epsball.cli.output import note, print_result, table
from epsball.cli.running import interruptible
from epsball.errors import InputError
from epsball.record.manifest import read_manifest
from epsball.report.text import DASH, count, number
from epsball.verification.export import export as write
from epsball.verification.identity import load_for, named_source


def export(
    folder: RunFolder,
    *,
    png: Annotated[bool, typer.Option("--png", help="Pictures of 8 bits, a file each; this by default.")] = False,
    npz: Annotated[bool, typer.Option("--npz", help="All in one examples.npz, unrounded.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="An empty folder for them; RUN/export by default.")
    ] = None,
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
    passes: Annotated[int | None, typer.Option(min=1, help="Forward passes for every saved image.")] = None,
    as_json: Json = False,
) -> None:
    """Write the nearest adversarial image of each sample as PNG or .npz, each verified again as it was saved.

    As PNG the nearest one, of all attacks, that still fools the model once it is rounded to 8 bits.

    `examples.csv` says of each whether the saved image still fools the model, and how far it is from the original.
    """
    if png and npz:
        raise InputError(
            "--png and --npz were both given; expected one of them, since the two may hold other examples of a sample: run the command "
            "twice, with another --out"
        )
    plan = read_manifest(folder).plan
    if trust_source and model is None:
        note(f"Loading the model that the run names: {named_source(plan)}.")
    with interruptible(out, "the same command begins afresh once that folder is deleted"):
        done = write(
            folder,
            out,
            "npz" if npz else "png",
            None if model is None else load_for(plan, model),
            passes=passes,
            trust_source=trust_source,
        )
    shown = table(f"{done.folder}", "", "number")
    fools, within = int(done.fools.sum()), int((done.fools & done.within).sum())
    median, saved = (
        float(np.median(distance[done.fools])) if fools else None for distance in (done.before, done.distance)
    )
    for name, value in (
        ("adversarial images", count(len(done))),
        ("fool the model as saved", count(fools)),
        ("of these within the run's ε", count(within)),
        ("median distance of these, as found", DASH if median is None else number(median)),
        ("median distance of these, as saved", DASH if saved is None else number(saved)),
    ):
        shown.add_row(name, value)
    print_result(
        shown,
        {
            "run": folder,
            "folder": done.folder,
            "images": len(done),
            "fools": fools,
            "fools_within_eps": within,
            "median_distance": median,
            "median_distance_saved": saved,
        },
        as_json=as_json,
    )
