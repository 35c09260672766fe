"""E11: examples made for one network fool others."""

from __future__ import annotations

import math
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from epsball.attacks import PGD
from epsball.geometry import linf
from epsball.paper.answers import labels
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, average, difference, if_any, mean, percent, share
from epsball.paper.networks import QUICK, robust_network, standard_network
from epsball.paper.plots import bars, grid
from epsball.randomness import Stream
from epsball.report.text import DASH
from epsball.threat import Threat
from epsball.training.recipe import recipe_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "transfer"
THREAT = Threat(linf, 0.1)
STEPS = 20
ABOVE, CLEAR = 0.1, 0.9
"""By how much examples must beat noise, and in what share of the pairs beyond doubt."""
LINEAR, HALVES = "linear", ("mlp-512 first half", "mlp-512 other half")
SEEDS = [["lenet-mnist", "lenet-mnist (2)"], ["mlp-512", "mlp-512 (2)"]]


Cell: TypeAlias = "dict[str, Any]"
"""One network's examples on another: its accuracy on all of them, whether or not they fool their source; its error on those that
do, where both classify the clean image correctly; and the error that noise of the same size causes on the same images. The
last two are None where no example fools its source."""


def measure(lab: Lab) -> Measured:
    """Make examples with PGD for every network and show them to every other."""
    models = networks(lab)
    x, y = lab.data("mnist", n=lab.pick(500, 2000))
    cells = {}
    for source in models:
        compute = partial(row, models, source, (x, y), lab.seed)
        cells[source] = lab.step(
            NAME, f"from {source}", compute, x, y, *models.values(), repr((THREAT, STEPS, *models))
        )
    return {
        "cells": cells,
        "setting": f"PGD with {STEPS} steps in linf at ε = {THREAT.eps}, going on after the first error; noise moves every pixel by ε, "
        f"up or down at random; {len(y):,} test images of {lab.name('mnist')}. Networks marked (2) have other initial weights and "
        f"batches; the halves of the training set are disjoint. Intervals of means over pairs are over the images, for these networks. "
        f"Seed {lab.seed}.",
    }


def networks(lab: Lab) -> dict[str, Model]:
    """Networks of five architectures, two of them trained twice, and one on either half of the training set."""
    x, y = lab.data("mnist", "train")
    half, recipe = len(y) // 2, QUICK["mlp-512"] if lab.quick else recipe_for("mlp-512", "mnist")
    halves = zip(HALVES, (slice(half), slice(half, None)), (2, 3), strict=True)
    return {
        **{name: standard_network(lab, name).model for name in (LINEAR, "mlp-512", "fc-500-150", "lenet-mnist")},
        "cnn-mnist": robust_network(lab, "standard").model,
        **{second: standard_network(lab, first, seed=1).model for first, second in SEEDS},
        **{
            name: lab.train(
                f"{name} {lab.name('mnist')}",
                lab.network("mlp-512", "mnist", seed),
                (x[part], y[part]),
                recipe,
                seed=seed,
            ).model
            for name, part, seed in halves
        },
    }


def row(models: dict[str, Model], source: str, test: Data, seed: int) -> dict[str, Cell]:
    """The examples of one network on all."""
    x, y = test
    points = PGD(steps=STEPS).maximise(models[source], x, y, THREAT, seed=seed)
    noise = THREAT.furthest(Stream(seed, torch.arange(len(y)), 0).normal(x[0].numel()).reshape(x.shape).to(x), x)
    fooled = (labels(models[source], x) == y) & (labels(models[source], points) != y)
    cells = {}
    for target, model in models.items():
        clean, hit, shaken = (labels(model, at) for at in (x, points, noise))
        asked = fooled & (clean == y)
        error, baseline = (if_any(share, (answer != y)[asked]) for answer in (hit, shaken))
        cells[target] = {"accuracy": share(hit == y), "error": error, "noise": baseline}
    return cells


GROUPS: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "all pairs of networks": ("5.9 to 48.1 %; noise 0 to 15.6 %", lambda _a, _b: True),
    "different architectures": ("20.3 to 48.1 %; noise 0 to 15.6 %", lambda a, b: a.split()[0] != b.split()[0]),
    "one of them linear": ("28.9 to 48.1 %; noise 0 to 15.6 %", lambda a, b: LINEAR in {a, b}),
    "same architecture, other weights": (DASH, lambda a, b: sorted((a, b)) in SEEDS),
    "same architecture, disjoint data": ("5.9 and 26.2 %; noise 0 to 15.6 %", lambda a, b: {a, b} == set(HALVES)),
}
"""Pairs of a source and a target by what they have in common, and the error on the target in Szegedy et al. 2014."""


def pairs(cells: dict[str, dict[str, Cell]], group: str) -> list[Cell]:
    """The cells of a group in which some example fools its source."""
    belongs = GROUPS[group][1]
    return [
        cell
        for source, row in cells.items()
        for target, cell in row.items()
        if source != target and belongs(source, target) and cell["error"]
    ]


def gain(cells: list[Cell]) -> Figure:
    """Mean over the pairs of error - error under noise; the interval is over the images, for these networks."""
    return average([difference(cell["error"], cell["noise"]) for cell in cells])


def judge(measured: Measured) -> tuple[Check, ...]:
    """Error on the target far above that of noise, whatever the two networks have in common."""
    cells = measured["cells"]
    every = pairs(cells, next(iter(GROUPS)))
    beyond = if_any(share, torch.tensor([cell["error"]["low"] > cell["noise"]["high"] for cell in every]))
    return (
        *(_above(group, pairs(cells, group)) for group in GROUPS),
        Check(
            f"in at least {CLEAR:.0%} of all pairs the interval of the error lies above that of noise",
            DASH,
            percent(beyond),
            beyond["value"] >= CLEAR if beyond else None,
        ),
    )


def _above(group: str, cells: list[Cell]) -> Check:
    statement = (
        f"{group}: examples cause at least {100 * ABOVE:g} points more error on the target than noise of the same size, the whole "
        "interval over the images, for these networks"
    )
    if not cells:
        return Check(statement, GROUPS[group][0], "no example fools its source", None)
    more = gain(cells)
    text = f"{100 * more['value']:.1f} points more ({100 * more['low']:.1f} … {100 * more['high']:.1f})"
    return Check(statement, GROUPS[group][0], text, more["low"] >= ABOVE)


def tables(measured: Measured) -> tuple[Table, ...]:
    """Accuracy on the examples, error on those that fool their source, and the error that noise causes."""
    cells = measured["cells"]
    captions = {
        "accuracy": "Accuracy of the target (across) on all examples made for the source (down)",
        "error": "Error of the target on examples that fool the source, of images that both classify correctly",
        "noise": "Error of the target on the same images with noise of the same size",
    }
    return tuple(
        Table(
            caption,
            ("source", *cells),
            tuple((source, *(percent(cell[what]) for cell in row.values())) for source, row in cells.items()),
        )
        for what, caption in captions.items()
    )


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """The matrix of errors, and its groups beside noise."""
    cells = measured["cells"]
    errors = [[_value(row[target]["error"]) for target in cells] for row in cells.values()]
    named = {group: pairs(cells, group) for group in GROUPS}
    heights = {
        name: [_value(if_any(mean, torch.tensor([cell[key]["value"] for cell in group]))) for group in named.values()]
        for name, key in (("examples", "error"), ("noise of the same size", "noise"))
    }
    return (
        Picture(
            f"Error of the target on examples that fool the source, ε = {THREAT.eps} in linf; the diagonal is the source itself.",
            grid(errors, list(cells), _wrapped(cells), "source", "target"),
        ),
        Picture(
            "Mean error on the target, of examples and of noise.",
            bars(_wrapped(GROUPS), heights, "error on the target", percent=True),
        ),
    )


def _value(figure: Figure | None) -> float:
    return figure["value"] if figure else math.nan


def _wrapped(names: Iterable[str]) -> list[str]:
    return ["\n".join(wrap(name, 12, break_long_words=False)) for name in names]


EXPERIMENT = Experiment(
    id="E11",
    name=NAME,
    claim="Adversarial examples transfer: made for one network, they fool others, of other architectures and other training sets too.",
    test="PGD examples of nine networks, a linear one, two seeds and disjoint training halves among them, shown to all; noise beside.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
