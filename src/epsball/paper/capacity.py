"""E10: a network needs capacity to be robust, and more of it lowers the saddle-point value."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch.nn.functional as F

from epsball.attacks import FGSM, PGD
from epsball.geometry import linf
from epsball.paper.answers import labels, logits
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, average, difference, mean, percent, plain, share
from epsball.paper.networks import ATTACKS, ROBUST_EPS, WARM_UP, trained_up
from epsball.paper.plots import Line, lines
from epsball.report.text import DASH, number
from epsball.threat import Threat
from epsball.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.attacks import Attack
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "capacity"
ROBUST = ("FGSM", "PGD")
OBJECTIVES = ("standard", *ROBUST)
THREAT = Threat(linf, ROBUST_EPS)
LOSES, TREND, LEAK, ABLE, LEARNS = 0.05, -0.9, 0.5, 0.5, 0.2


def measure(lab: Lab) -> Measured:
    """Train every scale with every objective, and one scale with PGD at several rates."""
    scales, swept = lab.pick((1, 2, 4), (1, 2, 4, 8, 16)), lab.pick(2, 4)
    rates = lab.pick((2e-3, 4e-3), (3e-4, 1e-3, 2e-3, 4e-3))
    recipe = Recipe(epochs=3, batch_size=lab.pick(16, 32), rate=lab.pick(2e-3, 1e-3))
    x, y = lab.data("mnist", "train", lab.pick(1000, 10_000))
    test, attack = lab.data("mnist", n=lab.pick(500, 1000)), PGD(steps=lab.pick(10, 20))
    n, settings = len(test[1]), repr((attack, THREAT))

    def trained(scale: int, objective: str, rate: float) -> Model:
        start = lab.network(f"capacity-{scale}", "mnist")
        return trained_up(lab, objective, start, (x, y), replace(recipe, rate=rate)).model

    networks: dict[str, dict[str, Measured]] = {objective: {} for objective in OBJECTIVES}
    for scale in scales:
        for objective in OBJECTIVES:
            model = trained(scale, objective, recipe.rate)
            compute = partial(strength, model, test, attack, lab.seed)
            networks[objective][str(scale)] = lab.step(NAME, f"{objective} {scale}", compute, model, *test, settings)
    sweep = []
    for rate in rates:
        model, run = trained(swept, "PGD", rate), {"rate": rate}
        for side, data, by in (("train", (x[:n], y[:n]), ATTACKS["PGD"]), ("test", test, attack)):
            ask = partial(robust, model, data, by, lab.seed)
            run[side] = lab.step(NAME, f"rate {rate:g} {side}", ask, model, x[:n], *test, settings)
        sweep.append(run)
    return {
        "scales": scales,
        "networks": networks,
        "sweep": sweep,
        "setting": f"The first {len(y):,} training digits of {lab.name('mnist')}, batches of {recipe.batch_size}, Adam at a rate of "
        f"{recipe.rate:g}, one cycle: {recipe.epochs} epochs at ε = {ROBUST_EPS} in linf, after one each at "
        f"{' and '.join(map(str, WARM_UP))} (standard training without these). Values and accuracies on {n:,} test images under PGD "
        f"with {attack.steps} steps. The sweep over rates trains capacity-{swept} with PGD; training side: the attack of the training "
        f"on {n:,} of its digits. Seed {lab.seed}.",
    }


def strength(model: Model, test: Data, attack: Attack, seed: int) -> dict[str, Figure]:
    """Accuracy on clean images, on FGSM and on PGD examples, and the mean loss on the latter."""
    x, y = test
    found = logits(model, attack.maximise(model, x, y, THREAT, seed=seed)).double()
    return {
        "clean": share(labels(model, x) == y),
        "FGSM": robust(model, test, FGSM(), seed),
        "PGD": share(found.argmax(1) == y),
        "value": mean(F.cross_entropy(found, y, reduction="none")),
    }


def robust(model: Model, data: Data, attack: Attack, seed: int) -> Figure:
    """Accuracy on the points where an attack ends."""
    x, y = data
    return share(labels(model, attack.maximise(model, x, y, THREAT, seed=seed)) == y)


def rank_correlation(values: Sequence[float]) -> float:
    """Spearman's ρ of values that differ with their order: 1 - 6 Σ d² / (n (n² - 1)); 1 where they rise."""
    n = len(values)
    ranks = [sum(other < value for other in values) for value in values]
    return 1 - 6 * sum((rank - place) ** 2 for place, rank in enumerate(ranks)) / (n * (n * n - 1))


def judge(measured: Measured) -> tuple[Check, ...]:
    """Small networks lose, large ones lower the value, FGSM training does not hold against PGD, small rates over-fit less."""
    networks, scales = measured["networks"], [str(scale) for scale in measured["scales"]]
    values = [networks["PGD"][scale]["value"] for scale in scales]
    lost = [difference(networks["standard"][scale]["clean"], networks["PGD"][scale]["clean"]) for scale in scales]
    spared, order = difference(lost[0], lost[-1]), rank_correlation([value["value"] for value in values])
    statements = (
        f"PGD training costs the smallest network at least {100 * LOSES:g} points of clean accuracy",
        "it costs the largest network less; interval of the difference above 0",
        f"the saddle-point value falls with the scale: rank correlation at most {TREND:g}",
        "the largest network's value lies below the smallest's; intervals apart",
    )
    paper = ("11.5 % left", "98.9 % left", "2.3, 2.3, 0.37, 0.25, 0.18", "0.18 and 2.3")
    found = (
        f"{percent(lost[0])} at scale {scales[0]}",
        f"{percent(lost[-1])} at scale {scales[-1]}, {percent(spared)} less",
        f"{number(order)}: {', '.join(number(value['value']) for value in values)}",
        f"{plain(values[-1])} and {plain(values[0])}",
    )
    falls = (order <= TREND, values[-1]["high"] < values[0]["low"])
    holds = (lost[0]["value"] >= LOSES, spared["low"] > 0, *falls)
    return (*map(Check, statements, paper, found, holds), _leak(networks["FGSM"]), _rates(measured["sweep"]))


def _leak(cells: dict[str, Measured]) -> Check:
    statement = f"FGSM-trained networks keep under PGD less than {LEAK:g} of their accuracy under FGSM, mean of those that learnt"
    able = {scale: cell for scale, cell in cells.items() if cell["clean"]["value"] >= ABLE}
    if not able:
        return Check(statement, DASH, f"no scale classifies {ABLE:.0%} of the clean images: nothing to compare", None)
    left, own = (average([cell[key] for cell in able.values()]) for key in ROBUST[::-1])
    each = "; ".join(f"scale {scale} {percent(cell['PGD'])} of {percent(cell['FGSM'])}" for scale, cell in able.items())
    text = f"{percent(left)} of {percent(own)}: {each}"
    return Check(statement, "0 of 94.8 to 99.8 %", text, left["value"] < LEAK * own["value"])


def _rates(sweep: list[Measured]) -> Check:
    statement = "PGD training: from training to test, robust accuracy falls less at the smallest rate than at the largest, beyond doubt"
    able = [run for run in sweep if run["train"]["value"] >= LEARNS]
    if len(able) < 2:  # noqa: PLR2004 a comparison needs two
        return Check(statement, DASH, f"fewer than two rates learn ({LEARNS:.0%} robust accuracy in training)", None)
    slow, fast = (difference(run["train"], run["test"]) for run in (able[0], able[-1]))
    spared = difference(fast, slow)
    text = f"{percent(slow)} at {able[0]['rate']:g}, {percent(fast)} at {able[-1]['rate']:g}: {percent(spared)} less"
    return Check(statement, "less over-fitting", text, spared["low"] > 0)


def tables(measured: Measured) -> tuple[Table, ...]:
    """Accuracies and values of every network, and the sweep over rates."""
    cells = [
        (objective, scale, *(percent(cell[key]) for key in ("clean", "FGSM", "PGD")), plain(cell["value"]))
        for objective, row in measured["networks"].items()
        for scale, cell in row.items()
    ]
    rates = [
        (f"{run['rate']:g}", *map(percent, (run["train"], run["test"], difference(run["train"], run["test"]))))
        for run in measured["sweep"]
    ]
    columns = ("trained on", "scale", "clean accuracy", "under FGSM", "under PGD", "mean loss under PGD")
    return (
        Table(f"Networks of every scale, attacked in linf at ε = {ROBUST_EPS}", columns, tuple(cells)),
        Table("Robust accuracy by learning rate", ("rate", "training", "test", "difference"), tuple(rates)),
    )


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """Clean and robust accuracy, and the value, against the scale; the sweep."""
    scales, sweep = measured["scales"], measured["sweep"]
    rows = {kind: [row[str(scale)] for scale in scales] for kind, row in measured["networks"].items()}
    shown = [(f"{kind}, clean", kind, "clean") for kind in OBJECTIVES] + [(f"{k}, under PGD", k, "PGD") for k in ROBUST]
    accuracy = [_line(name, scales, rows[kind], key) for name, kind, key in shown]
    value = [_line(kind, scales, rows[kind], "value") for kind in ROBUST]
    sides, rates = {"training images": "train", "test images": "test"}, [run["rate"] for run in sweep]
    gap = [_line(name, rates, sweep, side) for name, side in sides.items()]
    captions = (
        "Accuracy of networks of growing scale, by what they were trained on.",
        "Mean loss under PGD, of PGD training the saddle-point value; the dashed line is a network that guesses.",
        "Robust accuracy of PGD training by learning rate, against its own attack and against that of the test.",
    )
    plots = (
        lines(accuracy, "scale", "accuracy", percent=True),
        lines(value, "scale", "cross entropy", marks={"guess": math.log(10)}),
        lines(gap, "learning rate", "robust accuracy", percent=True),
    )
    return tuple(map(Picture, captions, plots))


def _line(name: str, at: Sequence[float], runs: Sequence[Measured], key: str) -> Line:
    return Line(name, at, *([run[key][end] for run in runs] for end in ("value", "low", "high")))


EXPERIMENT = Experiment(
    id="E10",
    name=NAME,
    claim="Robustness needs capacity: small networks fail under adversarial training, larger ones lower the saddle-point value; FGSM "
    "training does not protect against PGD, and smaller learning rates prevent over-fitting to the adversary.",
    test="Convolutional networks of scales 1 to 16, trained on clean, FGSM and PGD images; PGD training at several learning rates.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
