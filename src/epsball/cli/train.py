"""``epsball train``: weights from data."""

import itertools
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from epsball.cli.exit_codes import ExitCode
from epsball.cli.held_out import HeldOut, loaded
from epsball.cli.loading import checked_device, model_for, threat
from epsball.cli.options import Count, Data, Device, Eps, Json, Seed
from epsball.cli.output import note, print_findings, print_result, table
from epsball.errors import InputError
from epsball.models.model import Model
from epsball.models.weights import read_weights, save_weights
from epsball.record.files import is_special
from epsball.record.plan import portable
from epsball.report.text import DASH, count, percent, seconds
from epsball.training.fit import Trained, fit
from epsball.training.objectives import OBJECTIVES, Objective
from epsball.training.recipe import Recipe

Weights = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the weights are written, as safetensors.")]
TrainNorm = Annotated[
    str | None, typer.Option(show_default="linf", help="linf, l2, l1 or l0; for the objectives fgsm and pgd.")
]
DEFAULT_NORM, DEFAULT_EPS, STEPS = "linf", "0.1", 10


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
    eps: Eps = None,
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
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Train a network, standard or adversarially; an interrupted run goes on where it stopped."""
    goal, files = _objective(objective, norm, eps, steps, warm_up), Files.beside(out)
    recipe = Recipe(
        epochs=epochs, batch_size=batch_size, rate=rate, warm_up=Recipe.warm_up if warm_up is None else warm_up
    )
    model, held_out = _prepare(arch, data, n, seed, device)
    try:
        trained = fit(
            model,
            held_out.training,
            recipe,
            objective=goal,
            validation=held_out.validation,
            seed=seed,
            checkpoint=files.checkpoint,
        )
    except KeyboardInterrupt as stop:
        note(f"Interrupted: {_kept(files)}.")
        raise typer.Exit(ExitCode.INTERRUPTED) from stop
    files = files.written(trained)
    _report(trained, f"{model.source}@{out}", data, files, as_json=as_json)
    if any(finding.severity == "FAIL" for finding in trained.findings):
        note("Error: there is nothing to evaluate, see the findings above.")
        raise typer.Exit(ExitCode.NO_NUMBER)
    weakest = norm or DEFAULT_NORM, eps or DEFAULT_EPS
    note(f"Next:    {held_out.proposal(f'{model.source}@{out}', *weakest)}")


@dataclass(frozen=True)
class Files:
    """Where the last weights, the best ones and the checkpoint lie; None where there are none."""

    last: Path
    best: Path | None
    checkpoint: Path | None

    @classmethod
    def beside(cls, out: Path) -> "Files":
        """Best weights and checkpoint beside the last weights; none where those go to a device or a pipe.

        Raises:
            InputError: a folder stands where the weights are to be written.
        """
        if out.is_dir():
            raise InputError(
                f"--out {out} is a folder; expected a file: name one in it, --out {out / 'weights.safetensors'}"
            )
        if is_special(out):
            return cls(out, None, None)
        return cls(out, out.with_name(f"{out.stem}.best{out.suffix}"), out.with_name(f"{out.name}.checkpoint"))

    def written(self, trained: Trained) -> "Files":
        """Write the weights, and remove the checkpoint; without held-out samples there are no best ones."""
        best = None if trained.peak is None else self.best
        _put(trained.model, self.last)
        if best and trained.peak:
            _put(trained.peak, best)
        if self.checkpoint:
            self.checkpoint.unlink(missing_ok=True)
        return replace(self, best=best)


def _kept(files: Files) -> str:
    """What an interrupted run leaves."""
    if files.checkpoint is None:
        return f"nothing is written beside {files.last}; give a file"
    if not files.checkpoint.exists():
        return "nothing was written yet; the same command begins anew"
    return f"the finished epochs lie in {files.checkpoint}; the same command goes on from there"


def _put(model: Model, file: Path) -> None:
    """Write weights; other ones that stand there already are kept under the next free name beside them."""
    if is_special(file) or not file.is_file():
        save_weights(model, file)
        return
    names = (file.with_name(f"{file.stem}.old-{number}{file.suffix}") for number in itertools.count(1))
    kept = next(name for name in names if not name.exists())
    file.replace(kept)
    save_weights(model, file)
    if _hold_the_same(file, kept):
        kept.unlink()
    else:
        note(f"{file} was there already: its weights are kept as {kept}.")


def _hold_the_same(file: Path, kept: Path) -> bool:
    try:
        (new, _), (old, _) = read_weights(file), read_weights(kept)
    except InputError:  # what stood there was something else
        return False
    return new.keys() == old.keys() and all(torch.equal(value, old[name]) for name, value in new.items())


def _objective(name: str, norm: str | None, eps: str | None, steps: int | None, warm_up: float | None) -> Objective:
    chosen = OBJECTIVES[name]
    if chosen.needs_threat and not chosen.needs_steps and steps is not None:
        raise InputError(
            f"--steps {steps} was given to the {name} objective, which takes one step; add --objective pgd, or leave it out"
        )
    for option, value in {"--eps": eps, "--norm": norm, "--steps": steps, "--warm-up": warm_up}.items():
        if not chosen.needs_threat and value is not None:
            raise InputError(
                f"{option} {value} was given to the {name} objective, which takes none; add --objective pgd, or leave it out"
            )
    if chosen.needs_threat and eps is None:
        raise InputError(
            f"the objective {name} has no --eps; give a budget in data units, such as --eps 0.1 or --eps 8/255"
        )
    return chosen.make(None if eps is None else threat(norm or DEFAULT_NORM, eps), steps or STEPS)


def _prepare(arch: str, data: str, n: int | None, seed: int, device: str) -> tuple[Model, HeldOut]:
    place = checked_device(device)
    samples = loaded(data, n)
    model = model_for(arch if ":" in arch else f"zoo:{arch}", samples.training[0], classes=samples.classes, seed=seed)
    if model.module is not None:
        model.module.to(place)
    if samples.sentence:
        note(samples.sentence)
    return model, samples.to(place)


def _report(trained: Trained, spec: str, data: str, files: Files, *, as_json: bool) -> None:
    columns = "epoch", "loss", "held-out accuracy", "under PGD", "under FGSM", "time"
    shown = table(f"{spec}, trained on {data}", *columns)
    for epoch in trained.history:
        reached = (DASH if known is None else percent(known) for known in (epoch.accuracy, epoch.robust, epoch.fgsm))
        shown.add_row(count(epoch.number), f"{epoch.loss:.4f}", *reached, seconds(epoch.seconds))
    print_findings(trained.findings)
    document = {
        "model": spec,
        "weights": files.last,
        "best": files.best,
        "best_epoch": trained.best_epoch,
        "data": data,
        "epochs": [asdict(epoch) for epoch in trained.history],
        "findings": [portable(finding) for finding in trained.findings],
    }
    print_result(shown, document, as_json=as_json)
    note(f"Weights: {files.last}   (after the last epoch)")
    if files.best:
        note(f"         {files.best}   (after epoch {trained.best_epoch}, the best one)")
