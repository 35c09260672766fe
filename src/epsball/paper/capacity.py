"""E10: a network needs capacity to be robust, and more of it lowers the saddle-point value."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

import torch.nn.functional as F

from epsball.attacks import FGSM, PGD
from epsball.geometry import linf
from epsball.paper.answers import labels, logits
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, mean, percent, plain, share
from epsball.paper.networks import ATTACKS, ROBUST_EPS, WARM_UP, trained_up
from epsball.paper.plots import Line, lines
from epsball.report.words import DASH, number
from epsball.threat import Threat
from epsball.train.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from epsball.attacks import Attack
    from epsball.models.wrap import Model
    from epsball.paper.lab import Data, Lab

NAME = "capacity"
OBJECTIVES = ("standard", "FGSM", "PGD")
THREAT = Threat(linf, ROBUST_EPS)
LOSES, TREND, LEAK, LEARNS = 0.05, -0.9, 0.5, 0.2


def measure(lab: Lab) -> Measured:
    """Train every scale with every objective, and one scale with PGD at several rates."""
    scales, swept = lab.pick((1, 2, 4), (1, 2, 4, 8, 16)), lab.pick(2, 4)
    rates = lab.pick((1e-3, 2e-3, 4e-3), (3e-4, 1e-3, 2e-3, 4e-3))
    recipe = Recipe(epochs=3, batch_size=lab.pick(16, 32), rate=lab.pick(2e-3, 1e-3))
    x, y = lab.data("mnist", "train", lab.pick(1000, 10_000))
    test, attack = lab.data("mnist", n=lab.pick(300, 1000)), PGD(steps=lab.pick(10, 20))
    n = len(test[1])

    def trained(scale: int, objective: str, rate: float) -> Model:
        start, own = lab.network(f"capacity-{scale}", "mnist"), replace(recipe, rate=rate)
        return trained_up(lab, objective, start, (x, y), own).model

    def asked(name: str, compute: Callable[[], Measured], model: Model) -> Measured:
        found: Measured = lab.step(NAME, name, compute, model, x[:n], *test, repr((attack, THREAT)))
        return found

    networks: dict[str, dict[str, Measured]] = {objective: {} for objective in OBJECTIVES}
    for scale in scales:
        for objective in OBJECTIVES:
            model = trained(scale, objective, recipe.rate)
            compute = partial(strength, model, test, attack, lab.seed)
            networks[objective][str(scale)] = asked(f"{objective} {scale}", compute, model)
    sweep = []
    for rate in rates:
        model = trained(swept, "PGD", rate)
        compute = partial(both, model, (x[:n], y[:n]), test, attack, lab.seed)
        sweep.append({"rate": rate, **asked(f"rate {rate:g}", compute, model)})
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


def both(model: Model, train: Data, test: Data, attack: Attack, seed: int) -> dict[str, Figure]:
    """Robust accuracy as training sees it, its own attack on its own images, and as a test sees it."""
    return {"train": robust(model, train, ATTACKS["PGD"], seed), "test": robust(model, test, attack, seed)}


def robust(model: Model, data: Data, attack: Attack, seed: int) -> Figure:
    """Accuracy on the points where an attack ends."""
    x, y = data
    return share(labels(model, attack.maximise(model, x, y, THREAT, seed=seed)) == y)


def rank_correlation(values: Sequence[float]) -> float:
    """Spearman's ρ of values that differ with their order: 1 - 6 Σ d² / (n (n² - 1)); 1 where they rise."""
    n = len(values)
    ranks = [sum(other < value for other in values) for value in values]
    return 1 - 6 * sum((rank - place) ** 2 for place, rank in enumerate(ranks)) / (n * (n * n - 1))


def difference(more: Figure, less: Figure) -> Figure:
    """More - less of two independent figures; half-widths add as the sides of a right angle."""
    centre = more["value"] - less["value"]
    half = math.hypot(more["high"] - more["low"], less["high"] - less["low"]) / 2
    return Figure(value=centre, low=centre - half, high=centre + half, n=min(more["n"], less["n"]))


def judge(measured: Measured) -> tuple[Check, ...]:
    """Small networks lose, large ones lower the value, FGSM training does not hold against PGD, small rates over-fit less."""
    networks = measured["networks"]
    smallest, largest = str(measured["scales"][0]), str(measured["scales"][-1])
    values = [networks["PGD"][str(scale)]["value"] for scale in measured["scales"]]
    lost = [
        difference(networks["standard"][scale]["clean"], networks["PGD"][scale]["clean"])
        for scale in (smallest, largest)
    ]
    order = rank_correlation([value["value"] for value in values])
    leaks = [cell["PGD"]["value"] / cell["FGSM"]["value"] for cell in networks["FGSM"].values()]
    return (
        Check(
            f"PGD training costs the smallest network at least {100 * LOSES:g} points of clean accuracy",
            "scales 1 and 2 fall to 11.5 %",
            f"{percent(lost[0])} at scale {smallest}",
            lost[0]["value"] >= LOSES,
        ),
        Check(
            "it costs the largest network less, the intervals apart",
            "98.9 % left",
            f"{percent(lost[1])} at scale {largest}",
            lost[1]["high"] < lost[0]["low"],
        ),
        Check(
            f"the saddle-point value falls with the scale: rank correlation of at most {TREND:g}",
            "2.3, 2.3, 0.37, 0.25, 0.18",
            f"{number(order)}: {', '.join(number(value['value']) for value in values)}",
            order <= TREND,
        ),
        Check(
            "the largest network's value lies below the smallest's, the intervals apart",
            "0.18 and 2.3",
            f"{plain(values[-1])} and {plain(values[0])}",
            values[-1]["high"] < values[0]["low"],
        ),
        Check(
            f"FGSM-trained networks keep under PGD at most {LEAK:g} of their accuracy under FGSM, on average over the scales",
            "0 %, of 94.8 to 99.8 %",
            f"{number(fmean(leaks))} ({number(min(leaks))} … {number(max(leaks))})",
            fmean(leaks) <= LEAK,
        ),
        _rates(measured["sweep"]),
    )


def _rates(sweep: list[Measured]) -> Check:
    statement = "PGD training: from training to test, robust accuracy falls less at the smallest rate than at the largest, beyond doubt"
    able = [run for run in sweep if run["train"]["value"] >= LEARNS]
    if len(able) < 2:  # noqa: PLR2004 a comparison needs two
        return Check(statement, DASH, f"fewer than two rates learn ({LEARNS:.0%} robust accuracy in training)", None)
    slow, fast = (difference(run["train"], run["test"]) for run in (able[0], able[-1]))
    spared = difference(fast, slow)
    text = (
        f"{percent(slow)} at {able[0]['rate']:g}, {percent(fast)} at {able[-1]['rate']:g}; difference {percent(spared)}"
    )
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
    scales, networks, sweep = measured["scales"], measured["networks"], measured["sweep"]

    def line(name: str, at: Sequence[float], figures: Sequence[Figure]) -> Line:
        return Line(name, at, *([figure[end] for figure in figures] for end in ("value", "low", "high")))

    def against_scale(key: str, name: str = "{}") -> list[Line]:
        return [line(name.format(kind), scales, [row[str(s)][key] for s in scales]) for kind, row in networks.items()]

    accuracy = [*against_scale("clean", "{}, clean"), *against_scale("PGD", "{}, under PGD")]
    rates = [run["rate"] for run in sweep]
    gap = [line(name, rates, [run[key] for run in sweep]) for key, name in (("train", "training"), ("test", "test"))]
    return (
        Picture(
            "Accuracy of networks of growing scale, by what they were trained on.",
            lines(accuracy, "scale", "accuracy", percent=True, log="x"),
        ),
        Picture(
            "Mean loss under PGD, the saddle-point value; the dashed line is a network that guesses.",
            lines(against_scale("value"), "scale", "cross entropy", log="xy", marks={"guess": math.log(10)}),
        ),
        Picture(
            "Robust accuracy of PGD training at several learning rates, as training sees it and as a test sees it.",
            lines(gap, "learning rate", "robust accuracy", percent=True, log="x"),
        ),
    )


EXPERIMENT = Experiment(
    id="E10",
    name=NAME,
    claim="Robustness needs capacity: small networks fail under adversarial training, larger ones lower the saddle-point value; training "
    "on FGSM examples does not protect against PGD, and smaller learning rates prevent over-fitting to the adversary.",
    test="Convolutional networks of scales 1 to 16, trained on clean, FGSM and PGD images; PGD training at several learning rates.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
