"""E10: a network needs capacity to be robust, and more of it lowers the saddle-point value."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch.nn.functional as F

from epsball.attacks import FGSM, PGD
from epsball.geometry import linf
from epsball.paper.answers import labels, logits
from epsball.paper.cells import decimals, key, percents
from epsball.paper.estimates import average, decimal, difference, fraction, mean, percent
from epsball.paper.experiment import Answer, Experiment, Table, check
from epsball.paper.networks import ARMS, ATTACKS, ROBUST_EPS, WARM_UP, trained_up
from epsball.paper.plots import Lines
from epsball.paper.rows import Row, Rows, split, where
from epsball.report.text import number
from epsball.threat import Threat
from epsball.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.attacks import Attack
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "capacity"
STANDARD, ONE_STEP, STEPS = ARMS
ROBUST = (ONE_STEP, STEPS)
ACCURACY, LOSS, ROBUST_ACCURACY = "accuracy", "mean loss", "robust accuracy"
SIDES = TRAINING, TEST = "training", "test"
THREAT = Threat(linf, ROBUST_EPS)
LOSES, TREND, LEAK, ABLE, LEARNS = 0.05, -0.9, 0.5, 0.5, 0.2


QUICK = ((1, 2, 4), 2, (2e-3, 4e-3), Recipe(epochs=3, batch_size=16, rate=2e-3, warm_up=0), 1000, 500, 10)
FULL = (
    (1, 2, 4, 8, 16),
    4,
    (3e-4, 1e-3, 2e-3, 4e-3),
    Recipe(epochs=3, batch_size=32, rate=1e-3, warm_up=0),
    10_000,
    1000,
    20,
)
"""Scales; the scale and the rates of the sweep; the training; training and test images; steps of PGD."""


def measure(lab: Lab) -> Rows:
    """Train every scale with every objective, and one scale with PGD at several rates."""
    scales, swept, rates, recipe, images, n, steps = lab.pick(QUICK, FULL)
    (x, y), test, attack = lab.data("mnist", "train", images), lab.data("mnist", n=n), PGD(steps=steps)
    rows = list[Row | Rows]()

    def trained(scale: int, objective: str, rate: float) -> Model:
        start = lab.network(f"capacity-{scale}", "mnist")
        return trained_up(lab, objective, start, (x, y), replace(recipe, rate=rate)).model

    for objective in ARMS:
        for scale in scales:
            model = trained(scale, objective, recipe.rate)
            found = lab.step(NAME, f"{objective} {scale}", strength, model, test, attack, lab.seed)
            rows.append(found.of(network=objective, x=float(scale)))
    for rate in rates:
        model = trained(swept, STEPS, rate)
        for side, data, by in ((TRAINING, (x[:n], y[:n]), ATTACKS[STEPS]), (TEST, test, attack)):
            found = lab.step(NAME, f"rate {rate:g} {side}", robust, model, data, by, lab.seed)
            rows.append(found.one().of(ROBUST_ACCURACY, network=STEPS, attack=STEPS, data=side, x=rate))
    return Rows.gathered(rows)


def _setting(lab: Lab) -> str:
    _, swept, _, recipe, images, n, steps = lab.pick(QUICK, FULL)
    return (
        f"The first {images:,} training digits of {lab.name('mnist')}, batches of {recipe.batch_size}, Adam at a rate of "
        f"{recipe.rate:g}, one cycle: {recipe.epochs} epochs at ε = {ROBUST_EPS} in linf, after one each at "
        f"{' and '.join(map(str, WARM_UP))} (standard training without these). Values and accuracies on {n:,} test images under PGD "
        f"with {steps} steps. The sweep over rates trains capacity-{swept} with PGD; training side: the attack of the training "
        f"on {n:,} of its digits. Seed {lab.seed}."
    )


def strength(model: Model, test: Data, attack: Attack, seed: int) -> Rows:
    """Accuracy on clean images, on FGSM and on PGD examples, and the mean loss on the latter."""
    x, y = test
    found = logits(model, attack.maximise(model, x, y, THREAT, seed=seed)).double()
    losses = mean(F.cross_entropy(found, y, reduction="none")).of(LOSS)
    examples = Rows((fraction(found.argmax(1) == y).of(ACCURACY), losses)).of(
        attack=STEPS, norm=linf.name, eps=THREAT.eps
    )
    return Rows(
        (
            fraction(labels(model, x) == y).of(ACCURACY),
            *robust(model, test, FGSM(), seed).of(attack=ONE_STEP),
            *examples,
        )
    )


def robust(model: Model, data: Data, attack: Attack, seed: int) -> Rows:
    """Accuracy on the points where an attack ends."""
    x, y = data
    left = fraction(labels(model, attack.maximise(model, x, y, THREAT, seed=seed)) == y)
    return Rows((left.of(ACCURACY, norm=linf.name, eps=THREAT.eps),))


def rank_correlation(values: Sequence[float]) -> float:
    """Spearman's ρ of values that differ with their order: 1 - 6 Σ d² / (n (n² - 1)); 1 where they rise."""
    n = len(values)
    ranks = [sum(other < value for other in values) for value in values]
    return 1 - 6 * sum((rank - place) ** 2 for place, rank in enumerate(ranks)) / (n * (n * n - 1))


def _lost(rows: Rows) -> tuple[list[Row], list[float]]:
    """The clean accuracy that PGD training costs, scale by scale."""
    standard, pgd = (rows.where(quantity=ACCURACY, network=arm, attack="") for arm in (STANDARD, STEPS))
    return [difference(one, other) for one, other in zip(standard, pgd, strict=True)], pgd.values("x")


@check(f"PGD training costs the smallest network at least {100 * LOSES:g} points of clean accuracy", "11.5 % left")
def _costs(rows: Rows) -> Answer:
    lost, scales = _lost(rows)
    return f"{percent(lost[0])} at scale {scales[0]:g}", lost[0].value >= LOSES


@check("it costs the largest network less; interval of the difference above 0", "98.9 % left")
def _costs_less(rows: Rows) -> Answer:
    lost, scales = _lost(rows)
    spared = difference(lost[0], lost[-1])
    return f"{percent(lost[-1])} at scale {scales[-1]:g}, {percent(spared)} less", spared.low > 0


@check(f"the saddle-point value falls with the scale: rank correlation at most {TREND:g}", "2.3, 2.3, 0.37, 0.25, 0.18")
def _falls(rows: Rows) -> Answer:
    values = rows.values(quantity=LOSS, network=STEPS)
    order = rank_correlation(values)
    return f"{number(order)}: {', '.join(map(number, values))}", order <= TREND


@check("the largest network's value lies below the smallest's; intervals apart", "0.18 and 2.3")
def _lower(rows: Rows) -> Answer:
    smallest, *_, largest = rows.where(quantity=LOSS, network=STEPS)
    return f"{decimal(largest)} and {decimal(smallest)}", largest.high < smallest.low


@check(
    f"FGSM-trained networks keep under PGD less than {LEAK:g} of their accuracy under FGSM, mean of those that learnt",
    "0 of 94.8 to 99.8 %",
)
def _leak(rows: Rows) -> Answer:
    scales = rows.where(quantity=ACCURACY, network=ONE_STEP).by("x")
    able = {f"{scale:g}": cell for scale, cell in scales.items() if cell.one(attack="").value >= ABLE}
    if not able:
        return f"no scale classifies {ABLE:.0%} of the clean images: nothing to compare", None
    left, own = (average(cell.one(attack=attack) for cell in able.values()) for attack in (STEPS, ONE_STEP))
    each = "; ".join(
        f"scale {scale} {percent(cell.one(attack=STEPS))} of {percent(cell.one(attack=ONE_STEP))}"
        for scale, cell in able.items()
    )
    return f"{percent(left)} of {percent(own)}: {each}", left.value < LEAK * own.value


def _gap(rates: Rows) -> Row:
    """What robust accuracy falls by from training to test."""
    return difference(*(rates.one(data=side) for side in SIDES))


@check(
    "PGD training: from training to test, robust accuracy falls less at the smallest rate than at the largest, beyond doubt",
    "less over-fitting",
)
def _rates(rows: Rows) -> Answer:
    rates = rows.where(quantity=ROBUST_ACCURACY).by("x")
    able = {rate: run for rate, run in rates.items() if run.one(data=TRAINING).value >= LEARNS}
    if len(able) < 2:  # noqa: PLR2004 a comparison needs two
        return f"fewer than two rates learn ({LEARNS:.0%} robust accuracy in training)", None
    (slow, *_, fast), (first, *_, last) = map(_gap, able.values()), able
    spared = difference(fast, slow)
    return f"{percent(slow)} at {first:g}, {percent(fast)} at {last:g}: {percent(spared)} less", spared.low > 0


def _curves(rows: Rows) -> dict[str, Rows]:
    """Clean accuracies, and those under PGD of the robust ones, against the scale."""
    rows = rows.where(quantity=ACCURACY)
    return {
        **{f"{arm}, clean": rows.where(network=arm, attack="") for arm in ARMS},
        **{f"{arm}, under PGD": rows.where(network=arm, attack=STEPS) for arm in ROBUST},
    }


EXPERIMENT = Experiment(
    id="E10",
    name=NAME,
    claim="Robustness needs capacity: small networks fail under adversarial training, larger ones lower the saddle-point value; FGSM "
    "training does not protect against PGD, and smaller learning rates prevent over-fitting to the adversary.",
    test="Convolutional networks of scales 1 to 16, trained on clean, FGSM and PGD images; PGD training at several learning rates.",
    measure=measure,
    setting=_setting,
    checks=(_costs, _costs_less, _falls, _lower, _leak, _rates),
    tables=(
        Table(
            f"Networks of every scale, attacked in linf at ε = {ROBUST_EPS}",
            ("network", "x"),
            {
                "trained on": "network",
                "scale": key("x", "{:g}".format),
                "clean accuracy": percents(quantity=ACCURACY, attack=""),
                **{f"under {attack}": percents(quantity=ACCURACY, attack=attack) for attack in ROBUST},
                "mean loss under PGD": decimals(quantity=LOSS),
            },
            where(quantity=(ACCURACY, LOSS)),
        ),
        Table(
            "Robust accuracy by learning rate",
            ("x",),
            {
                "rate": key("x", "{:g}".format),
                **{side: percents(data=side) for side in SIDES},
                "difference": lambda line: percent(_gap(line)),
            },
            where(quantity=ROBUST_ACCURACY),
        ),
    ),
    figures=(
        Lines(
            "Accuracy of networks of growing scale, by what they were trained on.",
            _curves,
            "x",
            "scale",
            ACCURACY,
            percent=True,
        ),
        Lines(
            "Mean loss under PGD, of PGD training the saddle-point value; the dashed line is a network that guesses.",
            split("network", quantity=LOSS, network=ROBUST),
            "x",
            "scale",
            "cross entropy",
            marks={"guess": math.log(10)},
        ),
        Lines(
            "Robust accuracy of PGD training by learning rate, against its own attack and against that of the test.",
            lambda rows: {f"{side} images": rows.where(quantity=ROBUST_ACCURACY, data=side) for side in SIDES},
            "x",
            "learning rate",
            ROBUST_ACCURACY,
            percent=True,
        ),
    ),
)
