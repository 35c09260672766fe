"""E8: the maxima that PGD finds from many starts are alike in value."""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from epsball.attacks import PGD
from epsball.geometry import linf
from epsball.losses import cross_entropy
from epsball.paper.answers import labels, logits
from epsball.paper.cells import numbers, whole
from epsball.paper.estimates import exactly, fraction, percent
from epsball.paper.experiment import Answer, Check, Experiment, Table, check
from epsball.paper.networks import ARMS, ROBUST_EPS, STAGES, robust_network
from epsball.paper.plots import Histograms, Lines
from epsball.paper.rows import Row, Rows
from epsball.randomness import Stream
from epsball.report.text import number
from epsball.threat import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from epsball.models.model import Model
    from epsball.paper.experiment import Cells
    from epsball.paper.lab import Data, Lab

NAME = "saddle-point"
KINDS = STANDARD, ROBUST = "standard", "PGD"
RESTARTS, CURVES, SHOWN = 1000, 20, 5
IMAGES_AND_STEPS = (3, 20), (10, 40)
STEPS_SHOWN = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40)
THREAT = Threat(linf, ROBUST_EPS)
SAME = 0.1 * ROBUST_EPS
"""Two points count as one maximum where no pixel differs by more."""
ABLE, NEAR, TOP, LOWER, FAR, DIPS, TINY = 0.9, 0.2, 1, 10, 0.5, 0.5, 1e-12
ACCURACY, LABEL, CLIMB = "accuracy", "label", "loss against steps"
"""`CLIMB` is the median of some starts between the lowest and the highest; x is the number of steps."""

START, MEAN, DEVIATION, PERCENTILE = "loss at the start", "mean", "deviation", "percentile"
"""Of the final losses of all starts."""

QUARTILES, INNER, HIGHEST, OUTLYING = "quartiles", "1 to 99 %", "highest", "highest above the 99th percentile"
"""Spreads by the mean; and how far the highest loss lies above, in widths of the range from the first to the 99th percentile."""

LARGEST, EUCLIDEAN, RANDOM, DISTINCT = "linf", "l2", "l2 of random points", "distinct"
"""Mean distances of two ends, or of two starts; and how many ends repeat no earlier one."""

MIDDLE, BELOW, APART = "loss halfway", "pairs with a lower loss halfway", "l2 by that of random points"
SPREADS, PLACES = (QUARTILES, INNER, DEVIATION, HIGHEST), (LARGEST, EUCLIDEAN, RANDOM, DISTINCT, MIDDLE)


def measure(lab: Lab) -> Rows:
    """Climb from 1,000 random points around each of the first test images, on a standard and on a PGD-trained network."""
    (count, steps), test, rows = lab.pick(*IMAGES_AND_STEPS), lab.data("mnist"), list[Row | Rows]()
    for kind in KINDS:
        model = robust_network(lab, kind).model
        rows.append(fraction(labels(model, test[0]) == test[1]).of(ACCURACY, network=kind))
        for image in range(count):
            found = lab.step(NAME, f"{kind} sample {image}", of_image, model, test, image, steps, lab.seed)
            rows.append(found.of(network=kind, data=f"image {image}"))
    return Rows.gathered(rows)


def _setting(lab: Lab) -> str:
    count, steps = lab.pick(*IMAGES_AND_STEPS)
    return (
        f"cnn-mnist, standard and PGD-trained at ε = {ROBUST_EPS} in linf against {ARMS[ROBUST]}, {STAGES}; the first {count} test "
        f"images of {lab.name('mnist')}, {RESTARTS:,} uniform starts each, {steps} steps of 2.5 ε / {steps}; seed {lab.seed}."
    )


def of_image(model: Model, test: Data, image: int, steps: int, seed: int) -> Rows:
    """Everything about one image: the losses of its maxima, and how far apart these lie."""
    x, y = test[0][image].expand(RESTARTS, -1, -1, -1).contiguous(), test[1][image].expand(RESTARTS)
    ids, few = image * RESTARTS + torch.arange(RESTARTS), slice(CURVES)
    starts, ends = (climbed(model, x, y, ids, done, steps, seed) for done in (0, steps))
    found = losses(model, ends, y)
    numbers = {
        LABEL: float(y[0]),
        START: losses(model, starts, y).mean().item(),
        MEAN: found.mean().item(),
        DEVIATION: found.std().item(),
        **apart(ends),
        RANDOM: torch.pdist(starts.flatten(1)).mean().item(),
        **dip(model, ends, found, y),
    }
    percentiles = enumerate(found.quantile(torch.linspace(0, 1, 101).double()).tolist())
    rows = [
        *(exactly(value).of(quantity) for quantity, value in numbers.items()),
        *(exactly(value).of(PERCENTILE, x=float(place)) for place, value in percentiles),
    ]
    for done in (done for done in STEPS_SHOWN if done <= steps):
        curve = losses(model, climbed(model, x[few], y[few], ids[few], done, steps, seed), y[few])
        rows.append(Row(curve.median().item(), curve.min().item(), curve.max().item(), CURVES, CLIMB, x=float(done)))
    return Rows(tuple(rows)).of(attack=PGD.__name__, norm=linf.name, eps=ROBUST_EPS)


def climbed(model: Model, x: Tensor, y: Tensor, ids: Tensor, done: int, steps: int, seed: int) -> Tensor:
    """Where PGD of `steps` constant steps is after `done` of them, `(N, …)`."""
    if done == 0:
        return THREAT.sample(x, Stream(seed, ids, 0))
    return PGD(steps=done, first=2.5 / steps, rate=2.5 / steps, loss=cross_entropy).maximise(
        model, x, y, THREAT, seed=seed, ids=ids
    )


def losses(model: Model, x: Tensor, y: Tensor) -> Tensor:
    """Cross entropy of every row, `(N,)` float64."""
    return F.cross_entropy(logits(model, x).double(), y, reduction="none")


def apart(ends: Tensor) -> dict[str, float]:
    """Mean distance of two ends `(N, …)` in linf and l2, and how many ends repeat no earlier one."""
    flat, pairs = ends.flatten(1), torch.ones(len(ends), len(ends)).bool().triu(1)
    widest = torch.cdist(flat, flat, p=torch.inf)
    distinct = ~((widest <= SAME) & pairs).any(0)
    return {
        LARGEST: widest[pairs].mean().item(),
        EUCLIDEAN: torch.pdist(flat).mean().item(),
        DISTINCT: float(distinct.sum()),
    }


def dip(model: Model, ends: Tensor, found: Tensor, y: Tensor) -> dict[str, float]:
    """The mean loss halfway between pairs of ends `(N, …)` of losses `(N,)`, and the fraction of pairs of which both are higher."""
    half = len(ends) // 2
    middle = losses(model, (ends[:half] + ends[half : 2 * half]) / 2, y[:half])
    low = torch.minimum(found[:half], found[half : 2 * half])
    return {MIDDLE: middle.mean().item(), BELOW: (middle < low).double().mean().item()}


def relative(rows: Rows) -> Rows:
    """Add to the rows of every image what follows from them: spreads as fractions of the mean, and the distance by that of starts."""
    images = (own for (_, image), own in rows.by("network", "data").items() if image)
    return Rows.gathered(
        part for own in images for part in (own.where(quantity=(LABEL, START, MEAN, *PLACES)), _spread(own))
    )


def _spread(image: Rows) -> Rows:
    p, of = image.values(quantity=PERCENTILE), image.one(quantity=MEAN)
    values = {
        QUARTILES: (p[75] - p[25]) / of.value,
        INNER: (p[99] - p[1]) / of.value,
        DEVIATION: image.one(quantity=DEVIATION).value / of.value,
        HIGHEST: p[100] / of.value,
        OUTLYING: (p[100] - p[99]) / max(p[99] - p[1], TINY),
        APART: image.one(quantity=EUCLIDEAN).value / image.one(quantity=RANDOM).value,
    }
    keys = {"network": of.network, "data": of.data}
    return Rows(tuple(exactly(value).of(name, **keys) for name, value in values.items()))


def _ends(values: list[float]) -> str:
    return f"from {number(min(values))} to {number(max(values))} over the images"


@check(
    f"both networks classify at least {ABLE:.0%} of the clean images; one that guesses has no maxima to speak of",
    "99.2 % and 98.8 %",
)
def _able(rows: Rows) -> Answer:
    found = rows.where(quantity=ACCURACY)
    return " and ".join(map(percent, found)), min(found.values()) >= ABLE


@check(f"the mean final loss of the PGD-trained network is at least {LOWER} times lower", "far lower")
def _lower(rows: Rows) -> Answer:
    high, low = (rows.values(quantity=MEAN, network=kind) for kind in KINDS)
    ratios, overall = [a / b for a, b in zip(high, low, strict=True)], fmean(high) / fmean(low)
    return f"{number(overall)} times, {_ends(ratios)}", overall >= LOWER


def _alike(kind: str, quantity: str, holds: Callable[[list[float]], bool], rows: Rows) -> Answer:
    within = rows if quantity == BELOW else relative(rows)
    values = within.values(quantity=quantity, network=kind)
    return f"{number(fmean(values))}, {_ends(values)}", holds(values)


ALIKE: tuple[tuple[str, str, str, Callable[[list[float]], bool]], ...] = (
    (f"interquartile range of the losses at most {NEAR} of their mean", "small", QUARTILES, lambda v: fmean(v) <= NEAR),
    (
        f"no loss above the 1 to 99 % range by more than {TOP} of its width",
        "no outliers",
        OUTLYING,
        lambda v: max(v) <= TOP,
    ),
    (f"two maxima at least {FAR} as far apart in l2 as two random points", "about 1", APART, lambda v: fmean(v) >= FAR),
    (f"loss halfway between two maxima below both in {DIPS:.0%} of pairs", "below", BELOW, lambda v: fmean(v) >= DIPS),
)


def _named(quantity: str, kind: str, rows: Rows) -> dict[str, Rows]:
    """Rows of the first images, by their digits."""
    images = list(rows.where(network=kind, attack=PGD.__name__).by("data").items())[:SHOWN]
    return {f"{name}, a {own.one(quantity=LABEL).value:.0f}": own.where(quantity=quantity) for name, own in images}


_IMAGE: Cells = {"training": "network", "digit": whole(quantity=LABEL)}

EXPERIMENT = Experiment(
    id="E8",
    name=NAME,
    claim="The losses that PGD reaches from many starts concentrate, on standard and on adversarially trained networks (there far "
    "lower), though the maxima lie far apart: a first-order adversary will hardly do better.",
    test=f"Loss against steps for {CURVES} starts; final losses of {RESTARTS:,} starts an image, their spread and the distances.",
    measure=measure,
    setting=_setting,
    checks=(
        _able,
        *(
            Check(f"{kind} training: {statement}", paper, partial(_alike, kind, quantity, holds))
            for kind in KINDS
            for statement, paper, quantity, holds in ALIKE
        ),
        _lower,
    ),
    tables=(
        Table(
            f"Final losses of {RESTARTS:,} starts; spreads as fractions of their mean",
            ("network", "data"),
            {
                **_IMAGE,
                "at the start": numbers(quantity=START),
                **{quantity: numbers(quantity=quantity) for quantity in (MEAN, *SPREADS)},
            },
            relative,
        ),
        Table(
            f"Mean distances of maxima; distinct: those that differ from all others by more than {SAME:g} in some pixel",
            ("network", "data"),
            {**_IMAGE, **{quantity: numbers(quantity=quantity) for quantity in PLACES}},
            relative,
        ),
    ),
    figures=tuple(
        figure
        for kind in KINDS
        for figure in (
            Lines(
                f"{kind} training: loss against steps; median of {CURVES} starts, band from the lowest to the highest.",
                partial(_named, CLIMB, kind),
                "x",
                "PGD steps",
                "cross entropy",
            ),
            Histograms(
                f"{kind} training: final losses, by their percentiles.",
                partial(_named, PERCENTILE, kind),
                "cross entropy",
            ),
        )
    ),
)
