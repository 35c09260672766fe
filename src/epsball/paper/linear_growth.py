"""E2: how the activation of a linear unit grows when every pixel moves by ε, and how linear networks are along the way."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from epsball.models.networks.catalogue import build
from epsball.models.wrap import wrap
from epsball.paper import linear_units as units
from epsball.paper.cells import decimals, key, listed, numbers, percents
from epsball.paper.estimates import decimal, mean, percent
from epsball.paper.experiment import Answer, Experiment, Table, check
from epsball.paper.linear_units import ACCURACY, EPS, GROWTH, INITIAL, MAGNITUDE, SCALED, TRAINED
from epsball.paper.networks import QUICK, standard_network
from epsball.paper.plots import Lines
from epsball.paper.rows import Row, Rows, split, where
from epsball.paper.straightness import BENDS, EXPLAINED, LARGEST, MARGIN, PIECES, POINTS, along
from epsball.report.text import number
from epsball.training.recipe import recipe_for

if TYPE_CHECKING:
    from epsball.paper.lab import Data, Lab

NAME = "linear-growth"
SIDES = (14, 28, 56, 112)
INPUTS = tuple(side * side for side in SIDES)
NETWORKS = ("linear", "mlp-512", "lenet-mnist")
WEIGHTS = {
    TRAINED: "trained",
    SCALED: f"trained, then scaled to mean |ω| = {units.TARGET}",
    INITIAL: "before training, even in ±1/√n",
}
TESTED = 0.05
IDENTITY, LINEAR, STRAIGHT = 1e-4, 0.1, 0.95
SIZES = (1000, 200, 2), (2000, 1000, 3)
"""Images for the accuracy, images for the paths, and seeds."""

SLOPE = "slope of growth"


def measure(lab: Lab) -> Rows:
    """Train a softmax regression at every size and seed; then follow networks along the sign of the gradient."""
    n, few, seeds = lab.pick(*SIZES)
    test, data = lab.data("mnist", n=n), lab.data("mnist", n=few)
    rows = [_size(lab, test, side, seed) for seed in range(seeds) for side in SIDES]
    for name in NETWORKS:
        found = lab.step(NAME, f"path of {name}", along, standard_network(lab, name).model, data, LARGEST, POINTS)
        rows.append(found.of(network=name))
    return Rows.gathered(rows)


def _setting(lab: Lab) -> str:
    n, few, seeds = lab.pick(*SIZES)
    return (
        f"Softmax regressions on {lab.name('mnist')}, the digits shrunk by means or enlarged bilinearly, one recipe for all, {seeds} "
        f"seeds. Growth of each of the 10 logits on the first {units.IMAGES} test images at ε = {EPS}; accuracy under FGSM in linf "
        f"on the first {n:,}, pixels in [0, 1]. Paths of the networks from the first {few:,}, pixels not clipped, {POINTS} points."
    )


def _size(lab: Lab, test: Data, side: int, seed: int) -> Rows:
    start = build("linear", shape=(1, side, side), seed=lab.seed + seed)
    recipe = QUICK["linear"] if lab.quick else recipe_for("linear", "mnist")
    net = wrap(nn.Sequential(units.Resize(side), copy.deepcopy(start)))
    trained = lab.train(f"linear {side}x{side} {lab.name('mnist')}", net, lab.data("mnist", "train"), recipe, seed=seed)
    name, settings = f"{side}x{side} pixels, seed {seed}", (EPS, units.IMAGES, units.BUDGETS)
    return lab.step(NAME, name, units.of_size, wrap(start), trained.model, test, settings).of(
        x=float(side * side), seed=seed
    )


def slopes(rows: Rows) -> Rows:
    """Return the slope of growth against n on logarithmic axes for each kind of weights, over the seeds."""
    return Rows.gathered(
        mean([units.slope(run.values("x"), run.values()) for run in runs.by("seed").values()]).of(SLOPE, network=kind)
        for kind, runs in rows.where(quantity=GROWTH).by("network").items()
    )


def _one(row: Row) -> bool:
    return abs(row.value - 1) <= LINEAR


@check(
    f"every logit grows by ε·m·n, within a ten-thousandth, at every n; where mean |ω| = m is made the same, slope 1 ± {LINEAR}",
    "ε·m·n",
)
def _grows(rows: Rows) -> Answer:
    off, found = max(rows.values(quantity=units.OFF)), slopes(rows).one(network=SCALED)
    return f"{off:.1g} off at most; slope with m made the same {decimal(found)}", off <= IDENTITY and _one(found)


@check(f"with weights as they are trained, growth is linear in n: slope 1 ± {LINEAR} on logarithmic axes", "1")
def _linear(rows: Rows) -> Answer:
    found = slopes(rows).one(network=TRAINED)
    return decimal(found), _one(found)


@check(
    f"at ε = {TESTED} fewer images withstand FGSM at {INPUTS[-1]:,} inputs than at {INPUTS[0]}, intervals apart, every seed",
    "fewer",
)
def _fewer(rows: Rows) -> Answer:
    smallest, largest = (rows.where(quantity=ACCURACY, eps=TESTED, x=INPUTS[end]) for end in (0, -1))
    ends = list(zip(smallest, largest, strict=True))
    text = "; ".join(f"{percent(large)} against {percent(small)}" for small, large in ends)
    return text, all(large.high < small.low for small, large in ends)


@check(
    f"one straight line explains at least 95 % of the logits' variation up to ε = {LARGEST}, in every network",
    "nearly linear",
)
def _straight(rows: Rows) -> Answer:
    found = rows.each("network", quantity=EXPLAINED, x=1)
    return listed(found), all(row.value >= STRAIGHT for row in found.values())


def _explained(pieces: int, line: Rows) -> str:
    return f"{100 * line.one(x=pieces).value:.2f} %"


FIRST: dict[str, Any] = {"seed": 0, "network": TRAINED}
N = {"n": key("x", "{:,.0f}".format)}
EXPERIMENT = Experiment(
    id="E2",
    name=NAME,
    claim="Under η = ε·sign(ω) the activation grows by ε·m·n, linearly with the number of inputs; networks are nearly as linear.",
    test="Softmax regressions on digits of 14², 28², 56² and 112² pixels: growth and accuracy against n; networks along the sign.",
    measure=measure,
    setting=_setting,
    checks=(_grows, _linear, _fewer, _straight),
    tables=(
        Table(
            f"Trained softmax regressions, first seed: growth of a logit at ε = {EPS}",
            ("x",),
            {
                **N,
                MAGNITUDE: numbers(quantity=MAGNITUDE),
                "growth": numbers(quantity=GROWTH),
                "ε·m·n": lambda line: number(EPS * line.one(quantity=MAGNITUDE).value * line.rows[0].x),
                "growth, pixels in [0, 1]": numbers(quantity=units.BOXED),
            },
            where(quantity=(MAGNITUDE, GROWTH, units.BOXED), **FIRST),
        ),
        Table(
            "Slope of growth against n on logarithmic axes, mean over the seeds",
            ("network",),
            {"weights": key("network", WEIGHTS.__getitem__), "slope": decimals()},
            slopes,
        ),
        Table(
            "Accuracy under FGSM in linf, first seed",
            ("x",),
            {**N, **{f"ε = {eps:g}": percents(eps=eps) for eps in units.BUDGETS}},
            where(quantity=ACCURACY, **FIRST),
        ),
        Table(
            f"Fraction of the logits' variation along the sign of the gradient, up to ε = {LARGEST}, that straight pieces explain",
            ("network",),
            {
                "network": "network",
                **{f"pieces: {pieces}": partial(_explained, pieces) for pieces in PIECES},
                f"bends among {POINTS - 2} points": decimals(quantity=BENDS),
            },
            where(quantity=(EXPLAINED, BENDS)),
        ),
    ),
    figures=(
        Lines(
            f"Growth of a logit under ε·sign(ω), ε = {EPS}: the weights as trained, scaled to one mean magnitude, and untrained.",
            split("network", quantity=GROWTH, seed=0),
            "x",
            "n, number of inputs",
            GROWTH,
            log="xy",
        ),
        Lines(
            "Accuracy of the trained softmax regressions under FGSM in linf, with 95 % interval.",
            lambda rows: {f"ε = {e:g}": own for e, own in rows.where(quantity=ACCURACY, **FIRST).by("eps").items()},
            "x",
            "n, number of inputs",
            ACCURACY,
            percent=True,
            log="x",
        ),
        Lines(
            "Mean margin of the label over the runner-up along the sign of the gradient, 1 at the clean image.",
            split("network", quantity=MARGIN),
            "eps",
            "ε (linf, data units)",
            "margin / margin at ε = 0",
        ),
    ),
)
