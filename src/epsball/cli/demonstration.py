"""The main job on digits: train, attack, measure, report."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from epsball.attacks import FGSM
from epsball.data import SOURCES
from epsball.data.load import load_data
from epsball.errors import InputError, OtherConfigurationError
from epsball.evaluation.evaluate import evaluate
from epsball.evaluation.threshold import smallest_budget
from epsball.geometry import linf
from epsball.models.load import load_model
from epsball.models.weights import save_weights
from epsball.report import write_report
from epsball.threat import Threat
from epsball.training.fit import fit
from epsball.training.recipe import Recipe, recipe_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Evaluation

Result = TypeVar("Result")
NETWORK, DATA, EPS = "mlp-512", "mnist-5k", 0.1
DIGITS = (DATA, "mnist")
PAPERS_FGSM_ACCURACY = 0.29


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What was made: the record, where weights, run folder and report lie, and how long it took.

    `fgsm` is the smallest linf ε at which FGSM leaves at most the paper's 29 % correct, and what it leaves.
    """

    run: Evaluation
    weights: Path
    folder: Path
    report: Path
    fgsm: tuple[float, float]
    seconds: float


def demonstrate(
    out: Path, *, data: str = DATA, seed: int = 0, epochs: int | None = None, say: Callable[[str], object]
) -> Demonstration:
    """Train 784-512-10 on digits, evaluate it on others in linf at ε = 0.1, write the report.

    What an earlier call with the same arguments finished is used again; what another call left is replaced.

    Args:
        out: folder for everything.
        data: "mnist-5k", which comes with the package (4,000 to train, 1,000 to test), or "mnist".
        seed: of weights, batches and attacks.
        epochs: of training; 15 on mnist-5k and what the recipe says elsewhere when left out.
        say: called with one line before each step.

    Raises:
        InputError: the folder cannot be written, or the digits are not there or are of another size than 28 x 28.
    """
    started = time.perf_counter()
    if data in SOURCES and data not in DIGITS:
        raise InputError(f"the demo was given the data {data}; expected {' or '.join(DIGITS)}")
    weights, folder = out.resolve() / "mlp-512.safetensors", out / "run"
    checkpoint = out / "training.checkpoint"
    out.mkdir(parents=True, exist_ok=True)
    digits = load_data(data, "train")
    if digits[0].shape[1:] != (1, 28, 28):
        raise InputError(f"{data} holds images of shape {tuple(digits[0].shape[1:])}; the demo takes mnist-5k or mnist")
    say(f"Training 784-512-10 on {len(digits[0]):,} digits ({data}) …")
    recipe = Recipe(epochs=15) if data == DATA else recipe_for(NETWORK, data)
    recipe = recipe if epochs is None else replace(recipe, epochs=epochs)
    start = load_model(f"zoo:{NETWORK}", seed=seed)
    trained = _renewed(lambda: fit(start, digits, recipe, seed=seed, checkpoint=checkpoint), checkpoint)
    save_weights(trained.model, weights)
    model, test = load_model(f"zoo:{NETWORK}@{weights}"), load_data(data, "test")
    say(f"Attacking it on {len(test[0]):,} other digits, linf, ε = {EPS} …")
    threat = Threat("linf", EPS)
    run = _renewed(
        lambda: evaluate(
            model, test, threat, suite="quick", out=folder, seed=seed, every_sample=True, source=data, split="test"
        ),
        folder,
    )
    fgsm = smallest_budget(FGSM(), model, *test, linf, accuracy=PAPERS_FGSM_ACCURACY, most=0.5)
    say("Writing the report …")
    report = write_report(run, folder, out / "report.html")
    return Demonstration(run, weights, folder, report, fgsm, time.perf_counter() - started)


def _renewed(make: Callable[[], Result], left: Path) -> Result:
    """The result, continued from what was left at a place, or made afresh where that belongs to something else."""
    existed = left.exists()
    try:
        return make()
    except OtherConfigurationError:
        if not existed:
            raise
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
        return make()
