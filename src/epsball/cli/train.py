"""``epsball train``: weights from data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from epsball.cli.exit_codes import ExitCode
from epsball.cli.held_out import HeldOut, loaded
from epsball.cli.loading import checked_device, mean_of, model_for, numbers, threat
from epsball.cli.options import Count, Crop, Data, Device, Json, Mean, Seed, Size, Std
from epsball.cli.output import note, print_findings, print_result, table
from epsball.cli.training_files import Files, epoch_document, with_weights
from epsball.errors import InputError
from epsball.models.model import Model
from epsball.record.plan import portable
from epsball.report.text import DASH, count, interval, percent, seconds, with_interval
from epsball.threat import Threat
from epsball.training.fit import fit
from epsball.training.history import Epoch, Trained
from epsball.training.objectives import OBJECTIVES, Objective
from epsball.training.recipe import Recipe

Weights = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the weights are written, as safetensors.")]
TrainNorm = Annotated[str | None, typer.Option(show_default="linf", help="linf, l2, l1 or l0; of --eps.")]
TrainEps = Annotated[
    str | None,
    typer.Option(
        metavar="EPS",
        help="Budget in data units: 0.1, 8/255. The objectives fgsm and pgd train for it; with any objective, robust "
        "accuracy within it is measured after every epoch, on up to 512 held-out images.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace weights that are there already; refused otherwise.")]
DEFAULT_NORM, DEFAULT_EPS, EPS_OF_PHOTOGRAPHS, STEPS = "linf", "0.1", "8/255", 10
RGB = 3


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
    norm: TrainNorm = None,
    eps: TrainEps = None,
    steps: Annotated[
        int | None, typer.Option(min=1, show_default=str(STEPS), help="Steps of the objective pgd.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 10,
    batch_size: Annotated[int, typer.Option(help="Images of a batch.")] = 128,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 3e-3,
    warm_up: Annotated[
        float | None,
        typer.Option(
            show_default=str(Recipe.warm_up),
            help="First part of the steps, in which ε rises from 0 to --eps; 0 for all of it at once.",
        ),
    ] = None,
    n: Count = None,
    size: Size = None,
    crop: Crop = None,
    mean: Mean = None,
    std: Std = None,
    force: Force = False,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Train a network, standard or adversarially; an interrupted run goes on where it stopped."""
    against = None if eps is None else threat(norm or DEFAULT_NORM, eps)
    goal, files = _objective(objective, against, norm, steps, warm_up), Files.beside(out, force=force)
    recipe = Recipe(
        epochs=epochs, batch_size=batch_size, rate=rate, warm_up=Recipe.warm_up if warm_up is None else warm_up
    )
    samples = loaded(data, n, size=size, crop=crop)
    model, held_out = _prepare(arch, samples, seed, device, mean=mean_of(mean), std=numbers(std, "--std"))
    try:
        trained = fit(
            model,
            held_out.training,
            recipe,
            objective=goal,
            validation=held_out.validation,
            threat=against,
            seed=seed,
            checkpoint=files.checkpoint,
            on_epoch=_Rows(recipe.epochs, files),
        )
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"{files.left}.") from stop
    files = files.written(trained)
    spec = with_weights(model.source, out)
    photographs = held_out.training[0].shape[1] == RGB
    proposal = held_out.proposal(
        spec, norm or DEFAULT_NORM, eps or (EPS_OF_PHOTOGRAPHS if photographs else DEFAULT_EPS), mean, std
    )
    _report(trained, spec, held_out.data, files, proposal, as_json=as_json)
    if any(finding.severity == "FAIL" for finding in trained.findings):
        note("Error: there is nothing to evaluate, see the findings above.")
        raise typer.Exit(ExitCode.NO_NUMBER)
    note(f"Next:    {proposal}")
    if held_out.caution:
        note(f"         {held_out.caution}")


class _Rows:
    """Epochs as they finish: a line on stderr, and one in the history file.

    Args:
        total: how many epochs there will be.
        files: where the history lies.
    """

    def __init__(self, total: int, files: Files) -> None:
        self.total: int = total
        self.files: Files = files
        self.done: list[Epoch] = []

    def __call__(self, epoch: Epoch) -> None:
        self.done.append(epoch)
        self.files.note(self.done)
        measured = (f"{name} {_share(value, n)}" for name, value, n in _reached(epoch) if value is not None)
        rest = (self.total - epoch.number) * sum(each.seconds for each in self.done) / len(self.done)
        left = f"about {seconds(rest)} left" if rest else ""
        parts = f"loss {epoch.loss:.4f}", *measured, seconds(epoch.seconds), left
        note(f"epoch {epoch.number}/{self.total}: {', '.join(filter(None, parts))}")


def _reached(epoch: Epoch) -> tuple[tuple[str, float | None, int], ...]:
    """What was measured after an epoch, and on how many images."""
    return (
        ("held-out", epoch.accuracy, epoch.n),
        ("under PGD", epoch.robust, epoch.attacked),
        ("under FGSM", epoch.fgsm, epoch.attacked),
    )


def _share(value: float, n: int) -> str:
    """An accuracy with its interval, where it is known of how many images it is."""
    return with_interval(value, n) if n else percent(value)


def _cell(value: float | None, n: int) -> str:
    """The same in two lines, for a narrow column; "–" where nothing was measured."""
    if value is None:
        return DASH
    return f"{percent(value)}\n{interval(value, n)}" if n else percent(value)


def _objective(
    name: str, against: Threat | None, norm: str | None, steps: int | None, warm_up: float | None
) -> Objective:
    chosen = OBJECTIVES[name]
    if chosen.needs_threat and not chosen.needs_steps and steps is not None:
        raise InputError(
            f"--steps {steps} was given to the {name} objective, which takes one step; add --objective pgd, or leave it out"
        )
    for option, value in {"--steps": steps, "--warm-up": warm_up}.items():
        if not chosen.needs_threat and value is not None:
            raise InputError(
                f"{option} {value} was given to the {name} objective, which takes none; add --objective pgd, or leave it out"
            )
    if chosen.needs_threat and against is None:
        raise InputError(
            f"the objective {name} has no --eps; give a budget in data units, such as --eps 0.1 or --eps 8/255"
        )
    if norm is not None and against is None:
        raise InputError(
            f"--norm {norm} was given to the {name} objective without --eps; add --eps 0.1 or --eps 8/255 to see the robust accuracy "
            "after every epoch, or leave it out"
        )
    return chosen.make(against, steps or STEPS)


def _prepare(arch: str, samples: HeldOut, seed: int, device: str, **preprocessing: Any) -> tuple[Model, HeldOut]:
    place = checked_device(device)
    spec = arch if ":" in arch else f"zoo:{arch}"
    model = model_for(spec, samples.training[0], classes=samples.classes, seed=seed, **preprocessing)
    if model.module is not None:
        model.module.to(place)
    if samples.sentence:
        note(samples.sentence)
    return model, samples.to(place)


def _report(trained: Trained, spec: str, data: str, files: Files, proposal: str, *, as_json: bool) -> None:
    images = f", {count(trained.history[-1].n)} images held out" if trained.history[-1].n else ""
    images += f", {count(trained.history[-1].attacked)} of them attacked" if trained.history[-1].attacked else ""
    shown = table(
        f"{spec}, trained on {data}{images}", "weights", "epoch", "loss", "held-out accuracy", "under PGD", "under FGSM"
    )
    chosen = {"last": trained.history[-1].number, "best": trained.best_epoch}
    for name, number in chosen.items():
        if number is not None:
            epoch = trained.history[number - 1]
            shown.add_row(
                name, count(number), f"{epoch.loss:.4f}", *(_cell(known, n) for _, known, n in _reached(epoch))
            )
    print_findings(trained.findings)
    document = {
        "model": spec,
        "weights": files.last,
        "best": files.best,
        "best_epoch": trained.best_epoch,
        "history": files.history,
        "data": data,
        "epochs": [epoch_document(epoch) for epoch in trained.history],
        "findings": [portable(finding) for finding in trained.findings],
        "next": proposal,
    }
    print_result(shown, document, as_json=as_json)
    note(f"Weights: {files.last}   (after the last epoch)")
    if files.best:
        note(f"         {files.best}   (after epoch {trained.best_epoch}, the best one)")
    if files.history:
        note(f"History: {files.history}   (one line an epoch)")
