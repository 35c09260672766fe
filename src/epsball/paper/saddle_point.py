"""E8: the maxima that PGD finds from many starts are alike in value."""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from epsball.attacks import PGD
from epsball.geometry import linf
from epsball.losses import cross_entropy
from epsball.paper.answers import labels, logits
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import percent, share
from epsball.paper.networks import ARMS, ROBUST_EPS, STAGES, robust_network
from epsball.paper.plots import Line, histograms, lines
from epsball.randomness import Stream
from epsball.report.text import number
from epsball.threat import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "saddle-point"
KINDS = ("standard", "PGD")
RESTARTS, CURVES, SHOWN = 1000, 20, 5
STEPS_SHOWN = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40)
THREAT = Threat(linf, ROBUST_EPS)
SAME = 0.1 * ROBUST_EPS
"""Two points count as one maximum where no pixel differs by more."""
ABLE, NEAR, TOP, LOWER, FAR, DIPS, TINY = 0.9, 0.2, 1, 10, 0.5, 0.5, 1e-12


def measure(lab: Lab) -> Measured:
    """Climb from 1,000 random points around each of the first test images, on a standard and on a PGD-trained network."""
    count, steps = lab.pick(3, 10), lab.pick(20, 40)
    shown = [done for done in STEPS_SHOWN if done <= steps]
    test, networks = lab.data("mnist"), {}
    for kind in KINDS:
        model, samples = robust_network(lab, kind).model, []
        for row in range(count):
            compute = partial(_sample, model, test, row, steps, shown, lab.seed)
            samples.append(lab.step(NAME, f"{kind} sample {row}", compute, model, *test, str((RESTARTS, steps))))
        networks[kind] = {"clean": share(labels(model, test[0]) == test[1]), "samples": samples}
    return {
        "steps": shown,
        "networks": networks,
        "setting": f"{model.source.removeprefix('zoo:')}, standard and PGD-trained at ε = {ROBUST_EPS} in linf against {ARMS['PGD']}, "
        f"{STAGES}; the first {count} test images of {lab.name('mnist')}, {RESTARTS:,} uniform starts each, {steps} steps of "
        f"2.5 ε / {steps}; seed {lab.seed}.",
    }


def _sample(model: Model, test: Data, row: int, steps: int, shown: list[int], seed: int) -> dict[str, Any]:
    """Everything about one image: the losses of its maxima, and how far apart these lie."""
    x, y = test[0][row].expand(RESTARTS, -1, -1, -1).contiguous(), test[1][row].expand(RESTARTS)
    ids, few = row * RESTARTS + torch.arange(RESTARTS), slice(CURVES)
    starts, ends = (climbed(model, x, y, ids, done, steps, seed) for done in (0, steps))
    found = losses(model, ends, y)
    curves = [losses(model, climbed(model, x[few], y[few], ids[few], done, steps, seed), y[few]) for done in shown]
    return {
        "label": int(y[0]),
        "start": losses(model, starts, y).mean().item(),
        "mean": found.mean().item(),
        "deviation": found.std().item(),
        "percentiles": found.quantile(torch.linspace(0, 1, 101).double()).tolist(),
        "curves": [[curve.median().item(), curve.min().item(), curve.max().item()] for curve in curves],
        **apart(ends),
        "random l2": torch.pdist(starts.flatten(1)).mean().item(),
        **dip(model, ends, found, y),
    }


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
    return {"linf": widest[pairs].mean().item(), "l2": torch.pdist(flat).mean().item(), "distinct": int(distinct.sum())}


def dip(model: Model, ends: Tensor, found: Tensor, y: Tensor) -> dict[str, float]:
    """The mean loss halfway between pairs of ends `(N, …)` of losses `(N,)`, and the share of pairs of which both are higher."""
    half = len(ends) // 2
    middle = losses(model, (ends[:half] + ends[half : 2 * half]) / 2, y[:half])
    low = torch.minimum(found[:half], found[half : 2 * half])
    return {"middle": middle.mean().item(), "dips": (middle < low).double().mean().item()}


def relative(sample: dict[str, Any]) -> dict[str, float]:
    """Spread of one image's final losses as shares of their mean."""
    p, of = sample["percentiles"], sample["mean"]
    spreads = {"quartiles": (p[75] - p[25]) / of, "1 to 99 %": (p[99] - p[1]) / of}
    return {**spreads, "deviation": sample["deviation"] / of, "highest": p[100] / of}


def outlying(sample: dict[str, Any]) -> float:
    """How far the highest final loss lies above the 99th percentile, in widths of the range from the first to the 99th."""
    p = sample["percentiles"]
    return float((p[100] - p[99]) / max(p[99] - p[1], TINY))


def judge(measured: Measured) -> tuple[Check, ...]:
    """Concentrated for both networks, far lower for the robust one, and at places that have little in common."""
    networks = [measured["networks"][kind] for kind in KINDS]
    standard, robust = ([sample["mean"] for sample in network["samples"]] for network in networks)
    ratios, overall = [a / b for a, b in zip(standard, robust, strict=True)], fmean(standard) / fmean(robust)
    able = f"both networks classify at least {ABLE:.0%} of the clean images; one that guesses has no maxima to speak of"
    clean = " and ".join(percent(network["clean"]) for network in networks)
    lower = f"the mean final loss of the PGD-trained network is at least {LOWER} times lower"
    return (
        Check(able, "99.2 % and 98.8 %", clean, min(network["clean"]["value"] for network in networks) >= ABLE),
        *(check for kind, network in zip(KINDS, networks, strict=True) for check in _alike(kind, network["samples"])),
        Check(lower, "far lower", f"{number(overall)} times, {_ends(ratios)}", overall >= LOWER),
    )


def _alike(kind: str, samples: list[dict[str, Any]]) -> tuple[Check, ...]:
    near, top = [relative(sample)["quartiles"] for sample in samples], [outlying(sample) for sample in samples]
    far, dips = [sample["l2"] / sample["random l2"] for sample in samples], [sample["dips"] for sample in samples]
    found = (
        (f"interquartile range of the losses at most {NEAR} of their mean", "small", near, fmean(near) <= NEAR),
        (f"no loss above the 1 to 99 % range by more than {TOP} of its width", "no outliers", top, max(top) <= TOP),
        (f"two maxima at least {FAR} as far apart in l2 as two random points", "about 1", far, fmean(far) >= FAR),
        (f"loss halfway between two maxima below both in {DIPS:.0%} of pairs", "below", dips, fmean(dips) >= DIPS),
    )
    return tuple(
        Check(f"{kind} training: {statement}", paper, f"{number(fmean(values))}, {_ends(values)}", holds)
        for statement, paper, values, holds in found
    )


def _ends(values: list[float]) -> str:
    return f"from {number(min(values))} to {number(max(values))} over the images"


def tables(measured: Measured) -> tuple[Table, ...]:
    """Losses and distances, image by image."""
    named = [(kind, sample) for kind in KINDS for sample in measured["networks"][kind]["samples"]]
    places = ("linf", "l2", "random l2", "distinct", "middle")
    return (
        Table(
            f"Final losses of {RESTARTS:,} starts; spreads as shares of their mean",
            ("training", "digit", "at the start", "mean", *relative(named[0][1])),
            tuple(_row(kind, s, s["start"], s["mean"], *relative(s).values()) for kind, s in named),
        ),
        Table(
            f"Mean distances of maxima; distinct: those that differ from all others by more than {SAME:g} in some pixel",
            ("training", "digit", "linf", "l2", "l2 of random points", "distinct", "loss halfway"),
            tuple(_row(kind, s, *(s[place] for place in places)) for kind, s in named),
        ),
    )


def _row(kind: str, sample: dict[str, Any], *values: float) -> tuple[str, ...]:
    return (kind, str(sample["label"]), *map(number, values))


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """For both networks the loss against the steps, and the distribution of the final losses."""
    drawn = []
    for kind in KINDS:
        samples = {f"image {n}, a {s['label']}": s for n, s in enumerate(measured["networks"][kind]["samples"][:SHOWN])}
        climbs = [Line(name, measured["steps"], *zip(*s["curves"], strict=True)) for name, s in samples.items()]
        final = {name: sample["percentiles"] for name, sample in samples.items()}
        climb = f"{kind} training: loss against steps; median of {CURVES} starts, band from the lowest to the highest."
        drawn += [
            Picture(climb, lines(climbs, "PGD steps", "cross entropy")),
            Picture(f"{kind} training: final losses, by their percentiles.", histograms(final, "cross entropy")),
        ]
    return tuple(drawn)


EXPERIMENT = Experiment(
    id="E8",
    name=NAME,
    claim="The losses that PGD reaches from many starts concentrate, on standard and on adversarially trained networks (there far "
    "lower), though the maxima lie far apart: a first-order adversary will hardly do better.",
    test=f"Loss against steps for {CURVES} starts; final losses of {RESTARTS:,} starts an image, their spread and the distances.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
