"""E1: whether a change below the precision of 8-bit pixels can change the class."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypedDict

import torch
from torch import Tensor

from epsball.attacks import FGSM, PGD
from epsball.geometry import linf
from epsball.paper.answers import labels
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, percent, share
from epsball.paper.networks import shortened, standard_network
from epsball.paper.plots import bars
from epsball.report.text import DASH
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.attacks import Attack
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "precision"
NETWORKS = (("linear", "mnist"), ("mlp-512", "mnist"), ("lenet-mnist", "mnist"), ("lenet-cifar", "cifar10"))
HALF, BELOW, STEP = "0.499/255", "0.999/255", "1/255"
SIZES = {HALF: 0.499 / 255, BELOW: 0.999 / 255, STEP: 1 / 255}
ATTACKS = ("FGSM", "PGD")
RANDOM = "random signs"


class Row(TypedDict):
    """What one way of moving the pixels does: fooled as real numbers, fooled on the 8-bit grid, images that differ there."""

    by: str
    eps: str
    real: Figure
    rounded: Figure
    moved: int


def measure(lab: Lab) -> Measured:
    """Attack every network with budgets about one step of the 8-bit grid, then round."""
    n, steps, networks = lab.pick(1000, 5000), lab.pick(5, 10), {}
    for name, data in NETWORKS:
        model = standard_network(lab, name, data).model
        x, y = lab.data(data, n=n)
        compute = partial(_rows, model, (snap(x), y), steps, lab.seed)
        rows = lab.step(NAME, f"{name} on {data}", compute, model, x, f"{steps} steps, {SIZES}")
        networks[name] = {**rows, "images": f"{len(y):,} test images of {lab.name(data)}"}
    setting = (
        f"The first {n:,} test images of a set, or all there are, set onto the 8-bit grid; attacks in linf on those that are then "
        f"classified correctly; PGD takes {steps} steps from one random start, seed {lab.seed}. Rounding sets every "
        "pixel of the attacked image to the nearest multiple of 1/255, which undoes any change below 1/510."
        f"{shortened(lab, NETWORKS)}"
    )
    return {"networks": networks, "setting": setting}


def snap(x: Tensor) -> Tensor:
    """Set every pixel to the nearest of the 256 values of an 8-bit image, `(N, …)`."""
    return (255 * x).round() / 255


def _rows(model: Model, data: Data, steps: int, seed: int) -> Measured:
    attacks: dict[str, Attack] = {"FGSM": FGSM(), "PGD": PGD(steps=steps)}
    right = labels(model, data[0]) == data[1]
    x, y = data[0][right], data[1][right]
    rows = []
    for text, eps in SIZES.items():
        threat = Threat(linf, eps)
        for name, attack in attacks.items():
            rows.append(_row(model, (x, y), attack.maximise(model, x, y, threat, seed=seed), (name, text)))
        signs = torch.randint(2, x.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        rows.append(_row(model, (x, y), threat.clip(x + eps * signs), (RANDOM, text)))
    return {"clean": share(right), "rows": rows}


def _row(model: Model, data: Data, points: Tensor, name: tuple[str, str]) -> Row:
    x, y = data
    rounded = snap(points)
    return Row(
        by=name[0],
        eps=name[1],
        real=share(labels(model, points) != y),
        rounded=share(labels(model, rounded) != y),
        moved=int((rounded != x).flatten(1).any(1).sum()),
    )


def _of(measured: Measured, eps: str, by: str = "PGD") -> dict[str, Row]:
    """The row of every network for one attack and budget."""
    networks = measured["networks"].items()
    return {name: row for name, own in networks for row in own["rows"] if (row["by"], row["eps"]) == (by, eps)}


def _each(figures: dict[str, Figure]) -> str:
    return "; ".join(f"{name} {round(f['value'] * f['n'])} of {f['n']:,}: {percent(f)}" for name, f in figures.items())


def judge(measured: Measured) -> tuple[Check, ...]:
    """On every network some image falls to a change below 1/255, before and after rounding; half of that is rounded away."""
    real = {name: row["real"] for name, row in _of(measured, BELOW).items()}
    rounded = {name: row["rounded"] for name, row in _of(measured, BELOW).items()}
    left = sum(row["moved"] for by in (*ATTACKS, RANDOM) for row in _of(measured, HALF, by).values())
    return (
        Check(
            "with less than 1/255 per pixel, PGD fools at least one correctly classified image of every network",
            DASH,
            _each(real),
            all(f["value"] > 0 for f in real.values()),
        ),
        Check(
            "it still does on every network after the pixels are rounded to 8 bit, which leaves changes of 0 or 1/255",
            DASH,
            _each(rounded),
            all(f["value"] > 0 for f in rounded.values()),
        ),
        Check(
            "the limit of that: a change below 1/510 per pixel is undone by the rounding in every image",
            DASH,
            f"{left} images differ from the clean ones after rounding",
            left == 0,
        ),
    )


def tables(measured: Measured) -> tuple[Table, ...]:
    """Every network: fooled with and without rounding."""
    return tuple(
        Table(
            f"{name}: correctly classified images fooled ({own['images']}, clean accuracy {percent(own['clean'])})",
            ("change", "ε", "real numbers", "rounded to 8 bit", "images that differ after rounding"),
            tuple(
                (row["by"], row["eps"], percent(row["real"]), percent(row["rounded"]), str(row["moved"]))
                for row in own["rows"]
            ),
        )
        for name, own in measured["networks"].items()
    )


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """The share fooled below one step, network by network."""
    series = {
        "PGD, real numbers": [row["real"] for row in _of(measured, BELOW).values()],
        "PGD, rounded to 8 bit": [row["rounded"] for row in _of(measured, BELOW).values()],
        f"PGD, ε = {HALF}": [row["real"] for row in _of(measured, HALF).values()],
        RANDOM: [row["real"] for row in _of(measured, BELOW, RANDOM).values()],
    }
    return (
        Picture(
            f"Share of the correctly classified images that a change fools: of at most {BELOW} per pixel, or {HALF} where it says so; "
            "rounded to 8 bit, a pixel has then moved by 0 or 1/255.",
            bars(
                list(measured["networks"]),
                {name: [100 * figure["value"] for figure in own] for name, own in series.items()},
                "fooled, %",
            ),
        ),
    )


EXPERIMENT = Experiment(
    id="E1",
    name=NAME,
    claim="A change below 1/255 per pixel can still change the class, whether or not the pixels are rounded to 8 bit again.",
    test="Test images fooled at ε below 1/255 in linf, as real numbers and rounded to multiples of 1/255, on four networks.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
