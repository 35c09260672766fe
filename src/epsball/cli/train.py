"""``epsball train``: weights from data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epsball.cli.group import INTERRUPTED
from epsball.cli.options import Count, Data, Device, Eps, Json, Seed, checked_device, threat
from epsball.cli.output import note, say, table
from epsball.errors import InputError
from epsball.record.files import is_special
from epsball.report.text import DASH, count, percent, seconds

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.wrap import Model
    from epsball.training.fit import Trained
    from epsball.training.objectives import Objective

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
    batch_size: Annotated[int, typer.Option(help="Rows of a batch.")] = 128,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 3e-3,
    n: Count = None,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Train a network, standard or adversarially; an interrupted run goes on where it stopped."""
    from epsball.models.weights import save_weights  # noqa: PLC0415 (torch is only loaded by commands that compute)
    from epsball.training.fit import fit  # noqa: PLC0415 (the same)
    from epsball.training.recipe import Recipe  # noqa: PLC0415 (the same)

    goal, checkpoint = _objective(objective, norm, eps, steps), _checkpoint(out)
    model, x, y, validation = _prepare(arch, data, n, seed, device)
    recipe = Recipe(epochs=epochs, batch_size=batch_size, rate=rate)
    try:
        trained = fit(model, (x, y), recipe, objective=goal, validation=validation, seed=seed, checkpoint=checkpoint)
    except KeyboardInterrupt as stop:
        kept = f"the finished epochs are kept in {checkpoint}; the same command goes on from there"
        note(f"Interrupted: {kept if checkpoint else f'nothing is kept beside {out}; give a file'}.")
        raise typer.Exit(INTERRUPTED) from stop
    save_weights(trained.model, out)
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    _tell(trained, f"{model.source}@{out}", data, out, as_json=as_json)


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


def _objective(name: str, norm: str, eps: str | None, steps: int) -> "Objective":
    from epsball.attacks import FGSM, PGD  # noqa: PLC0415 (torch is only loaded by commands that compute)
    from epsball.losses import cross_entropy  # noqa: PLC0415 (the same)
    from epsball.training.objectives import adversarial, standard  # noqa: PLC0415 (the same)

    share = min(1.0, 2.5 / steps)
    attacks = {"fgsm": FGSM(), "pgd": PGD(steps=steps, first=share, rate=share, loss=cross_entropy)}
    if name == "standard":
        if eps is not None:
            raise InputError(
                f"--eps {eps} was given to the standard objective, which takes none; add --objective pgd, or leave it out"
            )
        return standard
    if name not in attacks:
        raise InputError(f"--objective was given as {name!r}; expected standard, {', '.join(attacks)}")
    if eps is None:
        raise InputError(
            f"the objective {name} has no --eps; give a budget in data units, such as --eps 0.1 or --eps 8/255"
        )
    return adversarial(attacks[name], threat(norm, eps))


def _prepare(
    arch: str, data: str, n: int | None, seed: int, device: str
) -> "tuple[Model, Tensor, Tensor, tuple[Tensor, Tensor] | None]":
    from epsball.data.load import load_data  # noqa: PLC0415 (torch is only loaded by commands that compute)
    from epsball.models.load import load_model  # noqa: PLC0415 (the same)

    place = checked_device(device)
    x, y = load_data(data, "train", n)
    held_out = load_data(data, "test")
    spec = arch if ":" in arch else f"zoo:{arch}"
    if spec.startswith("zoo:") and x.ndim == 4:  # noqa: PLR2004 (N, C, H, W)
        channels, height, width = x.shape[1:]
        classes = int(max(y.max(), held_out[1].max())) + 1
        model = load_model(spec, shape=(channels, height, width), classes=max(2, classes), seed=seed)
    else:
        model = load_model(spec, seed=seed)
    if model.module is not None:
        model.module.to(place)
    apart = len(held_out[0]) < len(x) or not held_out[0][: len(x)].equal(x)
    if not apart:
        note(f"{data} has no test split, so no accuracy is measured on held-out samples.")
    return model, x.to(place), y.to(place), (held_out[0].to(place), held_out[1].to(place)) if apart else None


def _tell(trained: "Trained", spec: str, data: str, out: Path, *, as_json: bool) -> None:
    shown = table(f"{spec}, trained on {data}", "epoch", "loss", "test accuracy", "time")
    for epoch in trained.history:
        reached = DASH if epoch.accuracy is None else percent(epoch.accuracy)
        shown.add_row(count(epoch.number), f"{epoch.loss:.4f}", reached, seconds(epoch.seconds))
    say(
        shown,
        {"model": spec, "weights": out, "data": data, "epochs": [vars(epoch) for epoch in trained.history]},
        as_json=as_json,
    )
    note(f"Weights: {out}\nNext:    epsball evaluate {spec} --data {data} --norm linf --eps 0.1")
