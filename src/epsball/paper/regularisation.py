"""E13: training on adversarial examples helps generalisation."""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

from epsball.attacks import FGSM
from epsball.geometry import linf
from epsball.paper.answers import labels
from epsball.paper.cells import percents
from epsball.paper.estimates import fraction, over_seeds, paired, percent
from epsball.paper.experiment import Answer, Check, Experiment, Table
from epsball.paper.networks import CLEAN_FRACTION
from epsball.paper.plots import Bars
from epsball.paper.rows import Rows, where
from epsball.report.text import DASH
from epsball.threat import Threat
from epsball.training.objectives import adversarial, standard
from epsball.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab
    from epsball.paper.rows import Row

NAME = "regularisation"
SEEDS = (0, 1, 2)
EPSILONS = (0.1, 0.25)
"""In linf; 0.25 is that of Goodfellow et al. 2014."""
ALL, TENTH = "all data", "one tenth"
PARTS = {ALL: 1, TENTH: 10}
LONGER = 4
"""Times the epochs on a tenth of the data, which holds a tenth of the batches."""
HALVED = 0.5
WITHOUT = "clean images"
SOURCE = (ALL, 0.25)
"""What the source measured."""

ERROR = "error"


def with_examples(eps: float) -> str:
    """The name of the arm that trains on examples of this ε."""
    return f"FGSM {eps}"


ARMS: dict[str, tuple[float, ...]] = {WITHOUT: (), **{with_examples(eps): (eps,) for eps in EPSILONS}}
"""What is trained on, by name, and the ε of its examples."""


def measure(lab: Lab) -> Rows:
    """Train 784-512-10 with and without examples, on all and on a tenth of the data, from three seeds."""
    test, rows = lab.data("mnist"), list[Rows]()
    for part in PARTS:
        for arm, eps in ARMS.items():
            for seed in SEEDS:
                model = trained(lab, part, arm, seed)
                found = lab.step(NAME, f"{part} {arm} {seed}", errors, model, test, eps or EPSILONS)
                rows.append(found.of(data=part, network=arm, seed=seed))
    return Rows.gathered(rows)


def _recipe(lab: Lab, part: str = ALL) -> Recipe:
    epochs = 4
    return Recipe(epochs=epochs if part == ALL else LONGER * epochs, batch_size=lab.pick(64, 128), warm_up=0)


def _setting(lab: Lab) -> str:
    recipe, n = _recipe(lab), len(lab.data("mnist")[1])
    return (
        f"784-512-10 on {lab.name('mnist')}, {n:,} test images; {recipe.epochs} epochs in batches of {recipe.batch_size} on all data, "
        f"{LONGER} times as many epochs on the first tenth. FGSM ε: the loss is {CLEAN_FRACTION:g} L(x) + {1 - CLEAN_FRACTION:g} "
        f"L(FGSM(x)) in linf; initial weights, batches and the number of updates are those of clean images. Differences are paired "
        f"over the seeds {', '.join(map(str, SEEDS))}; three of them give an interval by Student's t."
    )


def trained(lab: Lab, part: str, arm: str, seed: int) -> Model:
    """The network of an arm: on the first part of the training set, with the same start and batches as that of any other arm."""
    x, y = lab.data("mnist", "train")
    n = len(y) // PARTS[part]
    goal = adversarial(FGSM(), Threat(linf, ARMS[arm][0]), CLEAN_FRACTION) if ARMS[arm] else standard
    title = f"mlp-512 {lab.name('mnist')} {part} {arm}"
    start = lab.network("mlp-512", "mnist", seed)
    return lab.train(title, start, (x[:n], y[:n]), _recipe(lab, part), objective=goal, seed=seed).model


def errors(model: Model, test: Data, budgets: Sequence[float]) -> Rows:
    """Error on clean test images, and on their FGSM examples at some ε."""
    x, y = test
    fooled = {eps: fraction(FGSM()(model, x, y, Threat(linf, eps)).success) for eps in budgets}
    examples = (row.of(attack=FGSM.__name__, norm=linf.name, eps=eps) for eps, row in fooled.items())
    return Rows((fraction(labels(model, x) != y), *examples)).of(ERROR)


def _gain(part: str, eps: float, attacked: float, rows: Rows) -> tuple[float, float, Row]:
    """Mean error without and with examples of ε in training, and the gain; on clean images, or on examples of an ε."""
    rows = rows.where(quantity=ERROR, data=part, eps=attacked)
    before, after = (rows.values(network=arm) for arm in (WITHOUT, with_examples(eps)))
    return fmean(before), fmean(after), paired(before, after)


def _text(before: float, after: float, gain: Row, digits: int) -> str:
    numbers = (f"{100 * value:.{digits}f}" for value in (before, after, gain.value, gain.low, gain.high))
    return "{} → {} %; difference {} points ({} … {})".format(*numbers)


def _fewer(part: str, eps: float, rows: Rows) -> Answer:
    before, after, gain = _gain(part, eps, 0.0, rows)
    return _text(before, after, gain, 2), gain.low > 0


def _sturdier(eps: float, rows: Rows) -> Answer:
    before, after, gain = _gain(ALL, eps, eps, rows)
    return _text(before, after, gain, 1), after <= HALVED * before


def _on_examples(eps: float, line: Rows) -> str:
    """A dash for a network that was trained on other examples."""
    rows = line.where(eps=eps)
    return percent(rows.one()) if rows else DASH


EXPERIMENT = Experiment(
    id="E13",
    name=NAME,
    claim="Training on adversarial examples regularises: the network makes fewer errors on clean test images too.",
    test="784-512-10 with and without FGSM examples in its training, three seeds, all data and a tenth of it; errors paired by seed.",
    measure=measure,
    setting=_setting,
    checks=(
        *(
            Check(
                f"{part}: with FGSM examples of ε = {eps} fewer test errors, the interval of the difference above 0",
                "0.94 → 0.84 %" if (part, eps) == SOURCE else DASH,
                partial(_fewer, part, eps),
            )
            for part in PARTS
            for eps in EPSILONS
        ),
        *(
            Check(
                f"{ALL}: at most {HALVED:g} times the error on FGSM examples of ε = {eps} after training on them",
                "89.4 → 17.9 %" if (ALL, eps) == SOURCE else DASH,
                partial(_sturdier, eps),
            )
            for eps in EPSILONS
        ),
    ),
    tables=(
        Table(
            "Errors of every network",
            ("data", "network", "seed"),
            {
                "data": "data",
                "training": "network",
                "seed": "seed",
                "test error": percents(eps=0),
                **{f"on FGSM examples, ε = {eps}": partial(_on_examples, eps) for eps in EPSILONS},
            },
            where(quantity=ERROR),
        ),
    ),
    figures=(
        Bars(
            "Test error on clean images, mean over the seeds.",
            lambda rows: over_seeds(rows.where(quantity=ERROR, eps=0)).by("network"),
            "data",
            "test error, %",
            scale=100,
        ),
    ),
)
