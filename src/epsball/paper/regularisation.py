"""E13: training on adversarial examples helps generalisation."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

from epsball.attacks import FGSM
from epsball.geometry import linf
from epsball.paper.answers import labels
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, mean, percent, share
from epsball.paper.networks import CLEAN_SHARE
from epsball.paper.plots import bars
from epsball.report.text import DASH
from epsball.threat import Threat
from epsball.training.objectives import adversarial, standard
from epsball.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "regularisation"
SEEDS = (0, 1, 2)
EPSILONS = (0.1, 0.25)
"""In linf; 0.25 is that of Goodfellow et al. 2014."""
PARTS = {"all data": 1, "one tenth": 10}
LONGER = 4
"""Times the epochs on a tenth of the data, which holds a tenth of the batches."""
HALVED = 0.5
WITHOUT = "clean images"
SOURCE = ("all data", 0.25)
"""What the source measured."""


def with_examples(eps: float) -> str:
    """The name of the arm that trains on examples of this ε."""
    return f"FGSM {eps}"


ARMS: dict[str, tuple[float, ...]] = {WITHOUT: (), **{with_examples(eps): (eps,) for eps in EPSILONS}}
"""What is trained on, by name, and the ε of its examples."""


def measure(lab: Lab) -> Measured:
    """Train 784-512-10 with and without examples, on all and on a tenth of the data, from three seeds."""
    recipe, test = Recipe(epochs=4, batch_size=lab.pick(64, 128)), lab.data("mnist")
    parts: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for part in PARTS:
        parts[part] = {arm: [] for arm in ARMS}
        for arm, eps in ARMS.items():
            for seed in SEEDS:
                model = trained(lab, part, arm, seed, recipe)
                compute = partial(errors, model, test, eps or EPSILONS)
                parts[part][arm].append(lab.step(NAME, f"{part} {arm} {seed}", compute, model, *test, str(ARMS)))
    return {
        "parts": parts,
        "setting": f"784-512-10 on {lab.name('mnist')}, {len(test[1]):,} test images; {recipe.epochs} epochs in batches of "
        f"{recipe.batch_size} on all data, {LONGER} times as many epochs on the first tenth. FGSM ε: the loss is {CLEAN_SHARE:g} L(x) "
        f"+ {1 - CLEAN_SHARE:g} L(FGSM(x)) in linf; initial weights, batches and the number of updates are those of clean images. "
        f"Differences are paired over the seeds {', '.join(map(str, SEEDS))}; three of them give an interval by Student's t.",
    }


def trained(lab: Lab, part: str, arm: str, seed: int, recipe: Recipe) -> Model:
    """The network of an arm: on the first part of the training set, with the same start and batches as that of any other arm."""
    share_of = PARTS[part]
    x, y = lab.data("mnist", "train")
    n = len(y) // share_of
    recipe = recipe if share_of == 1 else replace(recipe, epochs=LONGER * recipe.epochs)
    goal = adversarial(FGSM(), Threat(linf, ARMS[arm][0]), CLEAN_SHARE) if ARMS[arm] else standard
    title = f"mlp-512 {lab.name('mnist')} {part} {arm}"
    start = lab.network("mlp-512", "mnist", seed)
    return lab.train(title, start, (x[:n], y[:n]), recipe, objective=goal, seed=seed).model


def errors(model: Model, test: Data, budgets: Sequence[float]) -> dict[str, Any]:
    """Error on clean test images, and on their FGSM examples at some ε."""
    x, y = test
    fooled = {str(eps): share(FGSM()(model, x, y, Threat(linf, eps)).success) for eps in budgets}
    return {"clean": share(labels(model, x) != y), "examples": fooled}


def paired(before: Sequence[float], after: Sequence[float]) -> Figure:
    """Mean of before - after over the seeds, with Student's 95 % interval."""
    return mean([one - other for one, other in zip(before, after, strict=True)])


def judge(measured: Measured) -> tuple[Check, ...]:
    """Fewer errors on clean test images with every ε and amount of data, and far fewer on examples."""
    parts = measured["parts"]
    return (
        *(_fewer(parts[part], part, eps) for part in PARTS for eps in EPSILONS),
        *(_sturdier(parts, eps) for eps in EPSILONS),
    )


def _fewer(arms: dict[str, list[dict[str, Any]]], part: str, eps: float) -> Check:
    before, after = ([run["clean"]["value"] for run in arms[arm]] for arm in (WITHOUT, with_examples(eps)))
    gain = paired(before, after)
    return Check(
        f"{part}: with FGSM examples of ε = {eps} fewer test errors, the interval of the difference above 0",
        "0.94 → 0.84 %" if (part, eps) == SOURCE else DASH,
        f"{100 * fmean(before):.2f} → {100 * fmean(after):.2f} %; difference {100 * gain['value']:.2f} points "
        f"({100 * gain['low']:.2f} … {100 * gain['high']:.2f})",
        gain["low"] > 0,
    )


def _sturdier(parts: dict[str, dict[str, list[dict[str, Any]]]], eps: float) -> Check:
    part = next(iter(PARTS))
    runs = (parts[part][arm] for arm in (WITHOUT, with_examples(eps)))
    before, after = ([run["examples"][str(eps)]["value"] for run in arm] for arm in runs)
    gain = paired(before, after)
    return Check(
        f"{part}: at most {HALVED:g} times the error on FGSM examples of ε = {eps} after training on them",
        "89.4 → 17.9 %" if (part, eps) == SOURCE else DASH,
        f"{100 * fmean(before):.1f} → {100 * fmean(after):.1f} %; difference {100 * gain['value']:.1f} points "
        f"({100 * gain['low']:.1f} … {100 * gain['high']:.1f})",
        fmean(after) <= HALVED * fmean(before),
    )


def tables(measured: Measured) -> tuple[Table, ...]:
    """Errors of every network."""
    columns = ("data", "training", "seed", "test error", *(f"on FGSM examples, ε = {eps}" for eps in EPSILONS))
    rows = []
    for part, arms in measured["parts"].items():
        for arm, runs in arms.items():
            for seed, run in zip(SEEDS, runs, strict=True):
                found = [run["examples"].get(str(eps)) for eps in EPSILONS]
                cells = [DASH if figure is None else percent(figure) for figure in (run["clean"], *found)]
                rows.append((part, arm, str(seed), *cells))
    return (Table("Errors of every network", columns, tuple(rows)),)


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """Test errors, mean of the seeds."""
    parts = measured["parts"]
    heights = {
        arm: [100 * fmean(run["clean"]["value"] for run in arms[arm]) for arms in parts.values()] for arm in ARMS
    }
    return (Picture("Test error on clean images, mean over the seeds.", bars(list(parts), heights, "test error, %")),)


EXPERIMENT = Experiment(
    id="E13",
    name=NAME,
    claim="Training on adversarial examples regularises: the network makes fewer errors on clean test images too.",
    test="784-512-10 with and without FGSM examples in its training, three seeds, all data and a tenth of it; errors paired by seed.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
