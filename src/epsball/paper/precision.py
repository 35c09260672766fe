"""E1: whether a change below the precision of 8-bit pixels can change the class."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from epsball.attacks import FGSM, PGD
from epsball.geometry import linf
from epsball.paper.answers import labels
from epsball.paper.cells import key, listed, percents, whole
from epsball.paper.estimates import exactly, fraction, percent
from epsball.paper.experiment import Answer, Check, Experiment, Table, check
from epsball.paper.networks import shortened, standard_network
from epsball.paper.plots import Bars
from epsball.paper.rows import Row, Rows, where
from epsball.report.text import DASH
from epsball.threat import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.paper.experiment import Cells
    from epsball.paper.lab import Data, Lab

NAME = "precision"
NETWORKS = (("linear", "mnist"), ("mlp-512", "mnist"), ("lenet-mnist", "mnist"), ("lenet-cifar", "cifar10"))
IMAGES_AND_STEPS = (1000, 5), (5000, 10)
SIZES = {size / 255: f"{size}/255" for size in (0.499, 0.999, 1)}
HALF, BELOW, STEP = SIZES
ATTACKS = ONE_STEP, STEPS, RANDOM = "FGSM", "PGD", "random signs"
SPACES = REAL, ROUNDED = "real numbers", "rounded to 8 bit"
ACCURACY, FOOLED, MOVED = "accuracy", "fooled", "images that differ after rounding"


def measure(lab: Lab) -> Rows:
    """Attack every network with budgets about one step of the 8-bit grid, then round."""
    (n, steps), rows = lab.pick(*IMAGES_AND_STEPS), list[Rows]()
    for name, data in NETWORKS:
        model, (x, y) = standard_network(lab, name, data).model, lab.data(data, n=n)
        found = lab.step(NAME, f"{name} on {data}", of_network, model, (snap(x), y), steps, tuple(SIZES), lab.seed)
        rows.append(found.of(network=name, data=lab.name(data)))
    return Rows.gathered(rows)


def _setting(lab: Lab) -> str:
    n, steps = lab.pick(*IMAGES_AND_STEPS)
    return (
        f"The first {n:,} test images of a set, or all there are, set onto the 8-bit grid; attacks in linf on those that are then "
        f"classified correctly; PGD takes {steps} steps from one random start, seed {lab.seed}. Rounding sets every "
        "pixel of the attacked image to the nearest multiple of 1/255, which undoes any change below 1/510."
        f"{shortened(lab, NETWORKS)}"
    )


def snap(x: Tensor) -> Tensor:
    """Set every pixel to the nearest of the 256 values of an 8-bit image, `(N, …)`."""
    return (255 * x).round() / 255


def of_network(model: Model, data: Data, steps: int, sizes: tuple[float, ...], seed: int) -> Rows:
    """What every way of moving the pixels does to the images that are classified correctly."""
    right = labels(model, data[0]) == data[1]
    x, y = data[0][right], data[1][right]
    rows: list[Row | Rows] = [fraction(right).of(ACCURACY)]
    for eps in sizes:
        threat = Threat(linf, eps)
        signs = torch.randint(2, x.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        one_step, many = (attack.maximise(model, x, y, threat, seed=seed) for attack in (FGSM(), PGD(steps=steps)))
        for attack, end in zip(ATTACKS, (one_step, many, threat.clip(x + eps * signs)), strict=True):
            rows.append(_moved(model, (x, y), end).of(attack=attack, norm=linf.name, eps=eps))
    return Rows.gathered(rows)


def _moved(model: Model, data: Data, points: Tensor) -> Rows:
    x, y = data
    real, rounded = (fraction(labels(model, at) != y) for at in (points, snap(points)))
    moved = exactly(int((snap(points) != x).flatten(1).any(1).sum()))
    return Rows((real.of(FOOLED, space=REAL), rounded.of(FOOLED, space=ROUNDED), moved.of(MOVED, space=ROUNDED)))


def _fools(space: str, rows: Rows) -> Answer:
    found = rows.each("network", quantity=FOOLED, attack=STEPS, eps=BELOW, space=space)
    text = listed(found, lambda row: f"{round(row.value * row.n)} of {row.n:,}: {percent(row)}")
    return text, all(row.value > 0 for row in found.values())


@check("the limit of that: a change below 1/510 per pixel is undone by the rounding in every image", DASH)
def _undone(rows: Rows) -> Answer:
    left = round(sum(rows.values(quantity=MOVED, eps=HALF)))
    return f"{left} images differ from the clean ones after rounding", left == 0


def _caption(name: str, rows: Rows) -> str:
    clean = rows.one(quantity=ACCURACY, network=name)
    images = f"{clean.n:,} test images of {clean.data}, clean accuracy {percent(clean)}"
    return f"{name}: correctly classified images fooled ({images})"


def _series(rows: Rows) -> dict[str, Rows]:
    fooled, below = rows.where(quantity=FOOLED), rows.where(quantity=FOOLED, eps=BELOW)
    return {
        **{f"PGD, {space}": below.where(attack=STEPS, space=space) for space in SPACES},
        f"PGD, ε = {SIZES[HALF]}": fooled.where(attack=STEPS, space=REAL, eps=HALF),
        RANDOM: below.where(attack=RANDOM, space=REAL),
    }


PGD_FOOLS = "with less than 1/255 per pixel, PGD fools at least one correctly classified image of every network"
STILL = "it still does on every network after the pixels are rounded to 8 bit, which leaves changes of 0 or 1/255"
CELLS: Cells = {
    "change": "attack",
    "ε": key("eps", SIZES.__getitem__),
    **{space: percents(quantity=FOOLED, space=space) for space in SPACES},
    MOVED: whole(quantity=MOVED),
}

EXPERIMENT = Experiment(
    id="E1",
    name=NAME,
    claim="A change below 1/255 per pixel can still change the class, whether or not the pixels are rounded to 8 bit again.",
    test="Test images fooled at ε below 1/255 in linf, as real numbers and rounded to multiples of 1/255, on four networks.",
    measure=measure,
    setting=_setting,
    checks=(Check(PGD_FOOLS, DASH, partial(_fools, REAL)), Check(STILL, DASH, partial(_fools, ROUNDED)), _undone),
    tables=tuple(
        Table(partial(_caption, name), ("attack", "eps"), CELLS, where(network=name, quantity=(FOOLED, MOVED)))
        for name, _ in NETWORKS
    ),
    figures=(
        Bars(
            f"Fraction of the correctly classified images that a change fools: of at most {SIZES[BELOW]} per pixel, or {SIZES[HALF]} "
            f"where it says so; {ROUNDED}, a pixel has then moved by 0 or 1/255.",
            _series,
            "network",
            "fooled, %",
            scale=100,
        ),
    ),
)
