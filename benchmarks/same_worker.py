"""One tree's side of `same_rows.py`: seven cases through the public contract, every column into one file."""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import epsball as eb
from places import ADVERSARIAL, FIT, RECIPE, place
from trees import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Columns = dict[str, "NDArray[Any]"]
"""Columns by name; those of an attack are called "ATTACK: NAME"."""
STOP = "second"
"""The attack before which the resumed run is broken off."""


def quick(folder: Path) -> Columns:
    """The quick suite at a budget in linf, on images as `load_data` gives them."""
    net, _, _ = load("mlp", folder)
    x, y = eb.load_data("mnist-5k", split="test", n=150)
    return columns(eb.evaluate(eb.wrap(net), (x, y), eb.Threat("linf", 0.06), "quick", seed=1))


def nearest(folder: Path) -> Columns:
    """Minimum-norm attacks in l2."""
    net, x, y = load("lenet", folder)
    suite = {
        "deepfool": eb.DeepFool(),
        "boxed": eb.DeepFool(boxed=True, steps=20),
        "binary": eb.BinaryDeepFool(),
        "lbfgs": eb.LBFGS(steps=20, searches=5),
    }
    return columns(eb.evaluate(net, (x[:40], y[:40]), eb.Threat(eb.l2), suite, seed=2))


def standard(folder: Path) -> Columns:
    """The standard suite at a budget in l1, behind a normalisation."""
    net, x, y = load("small", folder)
    model = eb.wrap(net, mean=0.05, std=0.9)
    return columns(eb.evaluate(model, (x[:40], y[:40]), eb.Threat("l1", 1.2), "standard", seed=3))


def ensembles(folder: Path) -> Columns:
    """Ensembles at a budget in linf, on images with three channels."""
    net, x, y = load("tiny-resnet", folder)
    suite = {
        "restarts": eb.Restarts(eb.PGD(steps=12), 3),
        "worst": eb.Worst(eb.FGSM(), eb.BIM(), eb.MomentumPGD()),
    }
    return columns(eb.evaluate(net, (x[:60], y[:60]), eb.Threat("linf", "2/255"), suite, seed=4))


def sparse(folder: Path) -> Columns:
    """A budget of features in l0."""
    net, x, y = load("mlp", folder)
    suite = {"noise": eb.AdditiveNoise(draws=5), "fgsm": eb.FGSM(), "pgd": eb.PGD(steps=25)}
    return columns(eb.evaluate(net, (x[:80], y[:80]), eb.Threat("l0", 5), suite, seed=5))


def resumed(folder: Path) -> Columns:
    """A budget in l2, broken off after the first attack and taken up again."""
    net, x, y = load("small", folder)
    suite = {"first": eb.FGSM(), STOP: eb.PGD(steps=20), "third": eb.DeepFool()}

    def run(**settings: Any) -> eb.Evaluation:
        return eb.evaluate(net, (x, y), eb.Threat("l2", 0.5), suite, out=str(out), seed=6, **settings)

    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "run"
        try:
            run(progress=break_off)
        except InterruptedError:
            return columns(run())
    raise RuntimeError(f"the run was not broken off: its progress callback never named the stage {STOP!r}")


def break_off(*about: object) -> None:
    """A progress callback that ends the run at its second attack.

    Raises:
        InterruptedError: it is reached.
    """
    if any(STOP in str(part) for part in about):
        raise InterruptedError


def training(folder: Path) -> Columns:
    """One epoch of adversarial training; the columns are the weights."""
    net, x, y = load("small", folder)
    objective = place(ADVERSARIAL)(eb.PGD(steps=4), eb.Threat("linf", 0.1))
    done = place(FIT)(
        net, (x, y), place(RECIPE)(epochs=1, batch_size=64), objective=objective, validation=(x, y), seed=7
    )
    weights = {name: weight.numpy() for name, weight in done.model.module.state_dict().items()}
    return weights | {"loss": np.array([done.history[-1].loss]), "accuracy": np.array([done.history[-1].accuracy])}


CASES: dict[str, Callable[[Path], Columns]] = {
    "784-512-10, linf, quick": quick,
    "LeNet, l2, minimum norm": nearest,
    "small network, l1, standard": standard,
    "ResNet, linf, ensembles": ensembles,
    "784-512-10, l0": sparse,
    "small network, l2, resumed": resumed,
    "training, one epoch": training,
}


def columns(run: eb.Evaluation) -> Columns:
    """Every column of the evaluation and of its attacks."""
    found = arrays(run)
    for name, rows in run.attacks.items():
        found |= {f"{name}: {column}": values for column, values in arrays(rows).items()}
    return found


def arrays(rows: Any) -> Columns:
    """The fields of a dataclass that are columns."""
    fields = {field.name: getattr(rows, field.name) for field in dataclasses.fields(rows)}
    tensors = {name: value.cpu().numpy() for name, value in fields.items() if isinstance(value, torch.Tensor)}
    return {name: value for name, value in fields.items() if isinstance(value, np.ndarray)} | tensors


def main() -> None:
    """Run the cases, each on its own, and write `CASE/COLUMN` into an archive; an error stands in the column "error"."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, help="the library must come from here")
    parser.add_argument("folder", type=Path, help="with weights and images")
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    chosen = parser.parse_args()
    if not Path(str(eb.__file__)).resolve().is_relative_to(chosen.tree):
        raise SystemExit(f"epsball was imported from {eb.__file__}, expected it below {chosen.tree}")
    torch.set_num_threads(1)
    found: Columns = {}
    for case in chosen.cases:
        try:
            made = CASES[case](chosen.folder)
        except Exception:  # noqa: BLE001 (the other cases go on, and the parent shows it)
            made = {"error": np.array([traceback.format_exc()])}
        found |= {f"{case}/{column}": values for column, values in made.items()}
    np.savez(chosen.out, **found)  # type: ignore[arg-type] # columns are arrays, whatever they are called


if __name__ == "__main__":
    main()
