"""``epsball transfer``: the adversarial examples of each network, shown to all of them."""

from typing import Annotated

import typer
from rich.table import Table

from epsball.attacks.registry import registry
from epsball.cli.fields import configured
from epsball.cli.loading import source, threat
from epsball.cli.options import Count, Crop, Data, Device, Eps, Json, Levels, Norm, Out, Seed, Size, Split
from epsball.cli.output import interval, note, print_result, table
from epsball.cli.running import interruptible
from epsball.evaluation.transfer import TransferMatrix
from epsball.evaluation.transfer import transfer as measure
from epsball.record.statistics import wilson
from epsball.report.text import count, percent


def transfer(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Two networks or more, named as in evaluate.")
    ],
    *,
    data: Data,
    norm: Norm,
    eps: Eps = None,
    levels: Levels = None,
    name: Annotated[
        str, typer.Option("--attack", metavar="NAME", help="What is run on each source, of `epsball list attacks`.")
    ] = "momentum-pgd",
    n: Count = None,
    split: Split = "test",
    size: Size = None,
    crop: Crop = None,
    out: Out = None,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Attack each network and show its examples to all: a matrix of accuracies, source by target."""
    name = registry().spelled(name)
    bounds, chosen = threat(norm, eps, levels), configured(name, [])
    given = {
        spec: source(spec, data, split=split, n=n, device=device, size=size, crop=crop)
        for spec in dict.fromkeys(models)
    }
    first = next(iter(given.values()))
    with interruptible(out, "and the same command begins anew"):
        matrix = measure(
            {spec: each.model for spec, each in given.items()},
            (first.x[:], first.data.y),
            bounds,
            chosen,
            out,
            seed=seed,
        )
    print_result(_shown(matrix, name), matrix.document, as_json=as_json)
    if out is not None:
        note(f"Examples: {out}, each file named by the hash of its source.")


def _shown(matrix: TransferMatrix, attack: str) -> Table:
    """A row for the inputs, and one for each source."""
    shown = table(
        f"Accuracy of each network on the examples of {attack}, {count(matrix.n)} samples", "made on", *matrix.names
    )
    shown.add_row("(inputs)", *(_cell(int(right), matrix.n) for right in matrix.clean))
    for place, name in enumerate(matrix.names):
        shown.add_row(name, *(_cell(int(right), matrix.n) for right in matrix.right[place]))
    return shown


def _cell(right: int, n: int) -> str:
    """An accuracy with its 95 % interval."""
    return f"{percent(right / n)} ({interval(*wilson(right, n))})"
