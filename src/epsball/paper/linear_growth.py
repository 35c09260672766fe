"""E2: how the activation of a linear unit grows when every pixel moves by ε, and how linear networks are along the way."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from epsball.models.networks.catalogue import build
from epsball.models.wrap import wrap
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, mean, percent, plain
from epsball.paper.linear_units import BUDGETS, EPS, MAGNITUDE, ROWS, Resize, of_size, slope
from epsball.paper.networks import QUICK, standard_network
from epsball.paper.plots import Line, lines
from epsball.paper.straightness import MOST, PIECES, POINTS, along
from epsball.report.text import number
from epsball.training.recipe import recipe_for

if TYPE_CHECKING:
    from epsball.paper.lab import Data, Lab

NAME = "linear-growth"
SIDES = (14, 28, 56, 112)
INPUTS = [side * side for side in SIDES]
NETWORKS = ("linear", "mlp-512", "lenet-mnist")
WEIGHTS = {
    "trained": "trained",
    "scaled": f"trained, then scaled to mean |ω| = {MAGNITUDE}",
    "initial": "before training, even in ±1/√n",
}
ASKED = 0.05
IDENTITY, LINEAR, STRAIGHT = 1e-4, 0.1, 0.95


def measure(lab: Lab) -> Measured:
    """Train a softmax regression at every size and seed; then follow networks along the sign of the gradient."""
    n, few, seeds = lab.pick(1000, 2000), lab.pick(200, 1000), lab.pick(2, 3)
    test = lab.data("mnist", n=n)
    runs = [[_size(lab, test, side, seed) for side in SIDES] for seed in range(seeds)]
    paths, data = {}, (test[0][:few], test[1][:few])
    for name in NETWORKS:
        model = standard_network(lab, name).model
        paths[name] = lab.step(
            NAME, f"path of {name}", partial(along, model, data), model, data[0], f"{MOST}, {POINTS}"
        )
    setting = (
        f"Softmax regressions on {lab.name('mnist')}, the digits shrunk by means or enlarged bilinearly, one recipe for all, {seeds} "
        f"seeds. Growth of each of the 10 logits on the first {ROWS} test images at ε = {EPS}; accuracy under FGSM in linf on the "
        f"first {n:,}, pixels in [0, 1]. Paths of the networks from the first {few:,}, pixels not clipped, {POINTS} points."
    )
    return {"runs": runs, "paths": paths, "setting": setting}


def _size(lab: Lab, test: Data, side: int, seed: int) -> Measured:
    start = build("linear", shape=(1, side, side), seed=lab.seed + seed)
    recipe = QUICK["linear"] if lab.quick else recipe_for("linear", "mnist")
    net = nn.Sequential(Resize(side), copy.deepcopy(start))
    title = f"linear {side}x{side} {lab.name('mnist')}"
    trained = lab.train(title, wrap(net), lab.data("mnist", "train"), recipe, seed=seed).model
    compute = partial(of_size, start, trained.module or net, test)
    value: Measured = lab.step(
        NAME, f"{side}x{side} pixels, seed {seed}", compute, trained, test[0], f"{EPS}, {ROWS}, {BUDGETS}"
    )
    return value


def slopes(measured: Measured) -> dict[str, Figure]:
    """Return the slope of growth against n on logarithmic axes for each kind of weights, over the seeds."""
    return {
        kind: mean([slope(INPUTS, [size["units"][kind]["growth"] for size in run]) for run in measured["runs"]])
        for kind in WEIGHTS
    }


def judge(measured: Measured) -> tuple[Check, ...]:
    """The identity, whether n makes growth linear and accuracy fall, and whether networks run straight."""
    sizes = [size for run in measured["runs"] for size in run]
    off = max(unit["off"] for size in sizes for unit in size["units"].values())
    found = slopes(measured)
    ends = [[run[end]["left"][BUDGETS.index(ASKED)] for end in (0, -1)] for run in measured["runs"]]
    straight = {name: path["r2"]["1"] for name, path in measured["paths"].items()}
    return (
        Check(
            f"every logit grows by ε·m·n, within a ten-thousandth, at every n; where mean |ω| = m is made the same, slope 1 ± {LINEAR}",
            "ε·m·n",
            f"{off:.1g} off at most; slope with m made the same {plain(found['scaled'])}",
            off <= IDENTITY and abs(found["scaled"]["value"] - 1) <= LINEAR,
        ),
        Check(
            f"with weights as they are trained, growth is linear in n: slope 1 ± {LINEAR} on logarithmic axes",
            "1",
            plain(found["trained"]),
            abs(found["trained"]["value"] - 1) <= LINEAR,
        ),
        Check(
            f"at ε = {ASKED} fewer images withstand FGSM at {INPUTS[-1]:,} inputs than at {INPUTS[0]}, intervals apart, every seed",
            "fewer",
            "; ".join(f"{percent(most)} against {percent(least)}" for least, most in ends),
            all(most["high"] < least["low"] for least, most in ends),
        ),
        Check(
            f"one straight line explains at least 95 % of the logits' variation up to ε = {MOST}, in every network",
            "nearly linear",
            "; ".join(f"{name} {percent(figure)}" for name, figure in straight.items()),
            all(figure["value"] >= STRAIGHT for figure in straight.values()),
        ),
    )


def tables(measured: Measured) -> tuple[Table, ...]:
    """Growth and accuracy against n, slopes, and the straightness of the paths."""
    first, found = measured["runs"][0], slopes(measured)
    rows = [(n, size["units"]["trained"], size["left"]) for n, size in zip(INPUTS, first, strict=True)]
    columns = ("n", "mean |ω|", "growth", "ε·m·n", "growth, pixels in [0, 1]")
    return (
        Table(
            f"Trained softmax regressions, first seed: growth of a logit at ε = {EPS}",
            columns,
            tuple(
                (f"{n:,}", *map(number, (u["magnitude"], u["growth"], EPS * u["magnitude"] * n, u["boxed"])))
                for n, u, _ in rows
            ),
        ),
        Table(
            "Slope of growth against n on logarithmic axes, mean over the seeds",
            ("weights", "slope"),
            tuple((text, plain(found[kind])) for kind, text in WEIGHTS.items()),
        ),
        Table(
            "Accuracy under FGSM in linf, first seed",
            ("n", *(f"ε = {eps:g}" for eps in BUDGETS)),
            tuple((f"{n:,}", *map(percent, left)) for n, _, left in rows),
        ),
        Table(
            f"Share of the logits' variation along the sign of the gradient, up to ε = {MOST}, that straight pieces explain",
            ("network", *(f"pieces: {pieces}" for pieces in PIECES), f"bends among {POINTS - 2} points"),
            tuple(
                (name, *(f"{100 * path['r2'][str(p)]['value']:.2f} %" for p in PIECES), plain(path["bends"]))
                for name, path in measured["paths"].items()
            ),
        ),
    )


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """Growth and accuracy against n; the margin along the sign of the gradient."""
    first = measured["runs"][0]
    growths = [Line(kind, INPUTS, [size["units"][kind]["growth"] for size in first]) for kind in WEIGHTS]
    left = [[size["left"][place] for size in first] for place in range(len(BUDGETS))]
    ends = ("value", "low", "high")
    accuracy = [
        Line(f"ε = {eps:g}", INPUTS, *([figure[end] for figure in own] for end in ends))
        for eps, own in zip(BUDGETS, left, strict=True)
    ]
    margins = [Line(name, path["path"], path["margin"]) for name, path in measured["paths"].items()]
    return (
        Picture(
            f"Growth of a logit under ε·sign(ω), ε = {EPS}: the weights as trained, scaled to one mean magnitude, and untrained.",
            lines(growths, "n, number of inputs", "growth of the logit", log="xy"),
        ),
        Picture(
            "Accuracy of the trained softmax regressions under FGSM in linf, with 95 % interval.",
            lines(accuracy, "n, number of inputs", "accuracy", percent=True, log="x"),
        ),
        Picture(
            "Mean margin of the label over the runner-up along the sign of the gradient, 1 at the clean image.",
            lines(margins, "ε (linf, data units)", "margin / margin at ε = 0"),
        ),
    )


EXPERIMENT = Experiment(
    id="E2",
    name=NAME,
    claim="Under η = ε·sign(ω) the activation grows by ε·m·n, linearly with the number of inputs; networks are nearly as linear.",
    test="Softmax regressions on digits of 14², 28², 56² and 112² pixels: growth and accuracy against n; networks along the sign.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
