"""``epsball train``: weights from data."""

from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

from epsball.cli.exit_codes import ExitCode
from epsball.cli.loading import checked_device, model_for, threat
from epsball.cli.options import Count, Data, Device, Eps, Json, Seed
from epsball.cli.output import note, print_result, table
from epsball.data.load import load_data
from epsball.errors import InputError
from epsball.models.model import Model
from epsball.models.weights import save_weights
from epsball.record.files import is_special
from epsball.report.text import DASH, count, percent, seconds
from epsball.training.fit import Trained, fit
from epsball.training.objectives import OBJECTIVES, Objective
from epsball.training.recipe import Recipe

Weights = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the weights are written, as safetensors.")]
TrainNorm = Annotated[str, typer.Option(help="linf, l2, l1 or l0; for the objectives fgsm and pgd.")]


def train(
    arch: Annotated[
        str, typer.Argument(metavar="ARCH", help="A network of `epsball list models`, or path/to/file.py:factory.")
    ],
    *,
    data: Data,
    out: Weights,
    objective: Annotated[
        str, typer.Option(help="standard, fgsm or pgd (adversarial training on that attack).")
    ] = "standard",
    norm: TrainNorm = "linf",
    eps: Eps = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the objective pgd.")] = 10,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 10,
    batch_size: Annotated[int, typer.Option(help="Images of a batch.")] = 128,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 3e-3,
    n: Count = None,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Train a network, standard or adversarially; an interrupted run goes on where it stopped."""
    goal, checkpoint = _objective(objective, norm, eps, steps), _checkpoint(out)
    model, x, y, validation = _prepare(arch, data, n, seed, device)
    recipe = Recipe(epochs=epochs, batch_size=batch_size, rate=rate)
    try:
        trained = fit(model, (x, y), recipe, objective=goal, validation=validation, seed=seed, checkpoint=checkpoint)
    except KeyboardInterrupt as stop:
        where = f"the finished epochs lie in {checkpoint}; the same command goes on from there"
        note(f"Interrupted: {where if checkpoint else f'nothing is written beside {out}; give a file'}.")
        raise typer.Exit(ExitCode.INTERRUPTED) from stop
    save_weights(trained.model, out)
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    _report(trained, f"{model.source}@{out}", data, out, as_json=as_json)


def _checkpoint(out: Path) -> Path | None:
    """A file beside the weights; none where those go to a device or a pipe.

    Raises:
        InputError: a folder stands where the weights are to be written.
    """
    if out.is_dir():
        raise InputError(
            f"--out {out} is a folder; expected a file: name one in it, --out {out / 'weights.safetensors'}"
        )
    return None if is_special(out) else out.with_name(f"{out.name}.checkpoint")


def _objective(name: str, norm: str, eps: str | None, steps: int) -> Objective:
    chosen = OBJECTIVES[name]
    if not chosen.needs_threat and eps is not None:
        raise InputError(
            f"--eps {eps} was given to the {name} objective, which takes none; add --objective pgd, or leave it out"
        )
    if chosen.needs_threat and eps is None:
        raise InputError(
            f"the objective {name} has no --eps; give a budget in data units, such as --eps 0.1 or --eps 8/255"
        )
    return chosen.make(None if eps is None else threat(norm, eps), steps)


def _prepare(
    arch: str, data: str, n: int | None, seed: int, device: str
) -> tuple[Model, Tensor, Tensor, tuple[Tensor, Tensor] | None]:
    place = checked_device(device)
    x, y = load_data(data, "train", n)
    held_out = load_data(data, "test")
    spec = arch if ":" in arch else f"zoo:{arch}"
    classes = int(max(y.max(), held_out[1].max())) + 1
    model = model_for(spec, x, classes=max(2, classes), seed=seed)
    if model.module is not None:
        model.module.to(place)
    apart = len(held_out[0]) < len(x) or not held_out[0][: len(x)].equal(x)
    if not apart:
        note(f"{data} has no test split, so no accuracy is measured on held-out samples.")
    return model, x.to(place), y.to(place), (held_out[0].to(place), held_out[1].to(place)) if apart else None


def _report(trained: Trained, spec: str, data: str, out: Path, *, as_json: bool) -> None:
    shown = table(f"{spec}, trained on {data}", "epoch", "loss", "test accuracy", "robust accuracy", "time")
    for epoch in trained.history:
        reached, robust = (DASH if known is None else percent(known) for known in (epoch.accuracy, epoch.robust))
        shown.add_row(count(epoch.number), f"{epoch.loss:.4f}", reached, robust, seconds(epoch.seconds))
    print_result(
        shown,
        {"model": spec, "weights": out, "data": data, "epochs": [vars(epoch) for epoch in trained.history]},
        as_json=as_json,
    )
    note(f"Weights: {out}\nNext:    epsball evaluate {spec} --data {data} --norm linf --eps 0.1")
