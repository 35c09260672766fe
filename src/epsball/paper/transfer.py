"""E11: examples made for one network fool others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from epsball.attacks import PGD
from epsball.geometry import linf
from epsball.paper.answers import labels
from epsball.paper.cells import percents
from epsball.paper.estimates import NOTHING, average, difference, fraction, if_any, percent
from epsball.paper.experiment import Answer, Check, Experiment, Table, check
from epsball.paper.networks import QUICK, robust_network, standard_network
from epsball.paper.plots import Bars, Grid
from epsball.paper.rows import Rows, split, where
from epsball.randomness import Stream
from epsball.report.text import DASH
from epsball.threat import Threat
from epsball.training.recipe import recipe_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab
    from epsball.paper.rows import Row

NAME = "transfer"
THREAT = Threat(linf, 0.1)
STEPS = 20
IMAGES = 500, 2000
ABOVE, CLEAR = 0.1, 0.9
"""By how much examples must beat noise, and in what fraction of the pairs beyond doubt."""
LINEAR, FIRST, FULL, LENET, CNN = "linear", "mlp-512", "fc-500-150", "lenet-mnist", "cnn-mnist"
SEEDS = {name: f"{name} (2)" for name in (LENET, FIRST)}
HALVES = (f"{FIRST} first half", f"{FIRST} other half")
NETWORKS = (LINEAR, FIRST, FULL, LENET, CNN, *SEEDS.values(), *HALVES)
ATTACKS = EXAMPLES, SAME_SIZE = "PGD", "noise"
ACCURACY = "accuracy"
"""On all examples made for the source, whether or not they fool it."""

ERROR = "error"
"""On the examples that fool their source, and with noise of the same size, of images that both networks classify correctly."""


def measure(lab: Lab) -> Rows:
    """Make examples with PGD for every network and show them to every other."""
    models, test = networks(lab), lab.data("mnist", n=lab.pick(*IMAGES))
    steps = (lab.step(NAME, f"from {each}", shown, models, each, test, THREAT, STEPS, lab.seed) for each in models)
    return Rows.gathered(steps)


def _setting(lab: Lab) -> str:
    return (
        f"PGD with {STEPS} steps in linf at ε = {THREAT.eps}, going on after the first error; noise moves every pixel by ε, "
        f"up or down at random; {lab.pick(*IMAGES):,} test images of {lab.name('mnist')}. Networks marked (2) have other initial "
        "weights and batches; the halves of the training set are disjoint. Intervals of means over pairs are over the images, for "
        f"these networks. Seed {lab.seed}."
    )


def networks(lab: Lab) -> dict[str, Model]:
    """Networks of five architectures, two of them trained twice, and one on either half of the training set."""
    x, y = lab.data("mnist", "train")
    half, recipe = len(y) // 2, QUICK[FIRST] if lab.quick else recipe_for(FIRST, "mnist")

    def trained(name: str, part: slice, seed: int) -> Model:
        start = lab.network(FIRST, "mnist", seed)
        return lab.train(f"{name} {lab.name('mnist')}", start, (x[part], y[part]), recipe, seed=seed).model

    return {
        **{name: standard_network(lab, name).model for name in (LINEAR, FIRST, FULL, LENET)},
        CNN: robust_network(lab, "standard").model,
        **{second: standard_network(lab, first, seed=1).model for first, second in SEEDS.items()},
        HALVES[0]: trained(HALVES[0], slice(half), 2),
        HALVES[1]: trained(HALVES[1], slice(half, None), 3),
    }


def shown(models: dict[str, Model], source: str, test: Data, threat: Threat, steps: int, seed: int) -> Rows:
    """The examples of one network on all."""
    x, y = test
    points = PGD(steps=steps).maximise(models[source], x, y, threat, seed=seed)
    noise = threat.furthest(Stream(seed, torch.arange(len(y)), 0).normal(x[0].numel()).reshape(x.shape).to(x), x)
    fooled = (labels(models[source], x) == y) & (labels(models[source], points) != y)
    rows = list["Row"]()
    for target, model in models.items():
        clean, *ends = (labels(model, at) for at in (x, points, noise))
        compared = fooled & (clean == y)
        cells = [fraction(ends[0] == y).of(ACCURACY, attack=EXAMPLES)]
        for attack, answer in zip(ATTACKS, ends, strict=True):
            cells.append(if_any(fraction, (answer != y)[compared]).of(ERROR, attack=attack))
        rows += [cell.of(network=target, data=source, norm=linf.name, eps=threat.eps) for cell in cells]
    return Rows(tuple(rows))


GROUPS: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "all pairs of networks": ("5.9 to 48.1 %; noise 0 to 15.6 %", lambda _a, _b: True),
    "different architectures": ("20.3 to 48.1 %; noise 0 to 15.6 %", lambda a, b: a.split()[0] != b.split()[0]),
    "one of them linear": ("28.9 to 48.1 %; noise 0 to 15.6 %", lambda a, b: LINEAR in {a, b}),
    "same architecture, other weights": (DASH, lambda a, b: SEEDS.get(a) == b or SEEDS.get(b) == a),
    "same architecture, disjoint data": ("5.9 and 26.2 %; noise 0 to 15.6 %", lambda a, b: {a, b} == set(HALVES)),
}
"""Pairs of a source and a target by what they have in common, and the error on the target in Szegedy et al. 2014."""


def pairs(rows: Rows, group: str, attack: str) -> Rows:
    """The errors of the pairs of a group in which some example fools its source."""
    belongs = GROUPS[group][1]
    found = rows.where(quantity=ERROR, attack=attack)
    return Rows(tuple(row for row in found if row.n and row.data != row.network and belongs(row.data, row.network)))


def gain(rows: Rows, group: str) -> Row:
    """Mean over the pairs of error - error under noise; the interval is over the images, for these networks."""
    errors, noise = (pairs(rows, group, attack) for attack in ATTACKS)
    return (
        average([difference(error, other) for error, other in zip(errors, noise, strict=True)]) if errors else NOTHING
    )


def _above(group: str, rows: Rows) -> Answer:
    more = gain(rows, group)
    if not more.n:
        return "no example fools its source", None
    text = f"{100 * more.value:.1f} points more ({100 * more.low:.1f} … {100 * more.high:.1f})"
    return text, more.low >= ABOVE


@check(f"in at least {CLEAR:.0%} of all pairs the interval of the error lies above that of noise", DASH)
def _beyond(rows: Rows) -> Answer:
    errors, noise = (pairs(rows, next(iter(GROUPS)), attack) for attack in ATTACKS)
    apart = torch.tensor([error.low > other.high for error, other in zip(errors, noise, strict=True)])
    beyond = if_any(fraction, apart)
    return percent(beyond), beyond.value >= CLEAR if beyond.n else None


def _by_group(attack: str, rows: Rows) -> Rows:
    """The mean error of every group."""
    found = {group: pairs(rows, group, attack) for group in GROUPS}
    return Rows.gathered((average(own) if own else NOTHING).of(ERROR, data=group) for group, own in found.items())


def _matrix(caption: str, quantity: str, attack: str) -> Table:
    """A quantity of every target, across, on what was made for every source, down."""
    cells = {name: percents(network=name) for name in NETWORKS}
    return Table(caption, ("data",), {"source": "data", **cells}, where(quantity=quantity, attack=attack))


EXPERIMENT = Experiment(
    id="E11",
    name=NAME,
    claim="Adversarial examples transfer: made for one network, they fool others, of other architectures and other training sets too.",
    test="PGD examples of nine networks, a linear one, two seeds and disjoint training halves among them, shown to all; noise beside.",
    measure=measure,
    setting=_setting,
    checks=(
        *(
            Check(
                f"{group}: examples cause at least {100 * ABOVE:g} points more error on the target than noise of the same size, the "
                "whole interval over the images, for these networks",
                paper,
                partial(_above, group),
            )
            for group, (paper, _) in GROUPS.items()
        ),
        _beyond,
    ),
    tables=(
        _matrix("Accuracy of the target (across) on all examples made for the source (down)", ACCURACY, EXAMPLES),
        _matrix(
            "Error of the target on examples that fool the source, of images that both classify correctly",
            ERROR,
            EXAMPLES,
        ),
        _matrix("Error of the target on the same images with noise of the same size", ERROR, SAME_SIZE),
    ),
    figures=(
        Grid(
            f"Error of the target on examples that fool the source, ε = {THREAT.eps} in linf; the diagonal is the source itself.",
            split("data", quantity=ERROR, attack=EXAMPLES),
            "network",
            "source",
            "target",
        ),
        Bars(
            "Mean error on the target, of examples and of noise.",
            lambda rows: {"examples": _by_group(EXAMPLES, rows), "noise of the same size": _by_group(SAME_SIZE, rows)},
            "data",
            "error on the target",
            percent=True,
        ),
    ),
)
