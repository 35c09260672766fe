"""The main job on digits that come with the package: train, attack, measure, report."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from epsball.data.load import load_data
from epsball.errors import InputError
from epsball.evaluate import evaluate
from epsball.models.load import load_model
from epsball.models.weights import save_weights
from epsball.report import write_report
from epsball.threat import Threat
from epsball.train.loop import fit
from epsball.train.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Evaluation

Result = TypeVar("Result")
ARCHITECTURE, DATA, EPS = "zoo:mlp-512", "mnist-5k", 0.1


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What was made: the record, where weights, run folder and report lie, and how long it took."""

    run: Evaluation
    weights: Path
    folder: Path
    report: Path
    seconds: float


def demonstrate(out: Path, *, seed: int = 0, epochs: int = 15, say: Callable[[str], object]) -> Demonstration:
    """Train 784-512-10 on 4,000 embedded digits, evaluate it on 1,000 others in linf at ε = 0.1, write the report.

    What an earlier call with the same arguments finished is used again; what another call left is replaced.

    Args:
        out: folder for everything.
        seed: of weights, batches and attacks.
        epochs: of training.
        say: called with one line before each step.

    Raises:
        InputError: the folder cannot be written, or the digits are not installed.
    """
    started = time.perf_counter()
    weights, folder = out.resolve() / "mlp-512.safetensors", out / "run"
    checkpoint = out / "training.checkpoint"
    out.mkdir(parents=True, exist_ok=True)
    say(f"Training 784-512-10 on 4,000 digits ({DATA}) …")
    data = load_data(DATA, "train")
    start = load_model(ARCHITECTURE, seed=seed)
    recipe = Recipe(epochs=epochs)
    trained = _renewed(lambda: fit(start, data, recipe, seed=seed, checkpoint=checkpoint), checkpoint)
    save_weights(trained.model, weights)
    say(f"Attacking it on 1,000 other digits, linf, ε = {EPS} …")
    model = load_model(f"{ARCHITECTURE}@{weights}")
    test = load_data(DATA, "test")
    threat = Threat("linf", EPS)
    run = _renewed(
        lambda: evaluate(
            model, test, threat, suite="quick", out=folder, seed=seed, every_sample=True, source=DATA, split="test"
        ),
        folder,
    )
    say("Writing the report …")
    report = write_report(run, folder, out / "report.html")
    return Demonstration(run, weights, folder, report, time.perf_counter() - started)


def _renewed(make: Callable[[], Result], left: Path) -> Result:
    """The result, continued from what was left at a place, or made afresh where that belongs to something else."""
    existed = left.exists()
    try:
        return make()
    except InputError:
        if not existed:
            raise
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
        return make()
