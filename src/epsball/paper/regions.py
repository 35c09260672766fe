"""E12: adversarial examples fill contiguous regions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from epsball.attacks import PGD
from epsball.display.text import NORMS
from epsball.geometry import l2, linf
from epsball.paper.answers import labels, steepest
from epsball.paper.cells import at_least, decimals, key, listed, percents
from epsball.paper.estimates import decimal, fraction, percent
from epsball.paper.experiment import Answer, Check, Experiment, Table
from epsball.paper.neighbourhood import ACCURACY, DIRECTION, RANDOM_SIGNS, STAY, TOGETHER, WRONG, in_balls, over_plane
from epsball.paper.networks import standard_network
from epsball.paper.plots import Lines, Plane
from epsball.paper.rows import Rows, split, where
from epsball.paper.subspace import ALIGNED, BOXED, DIRECTIONS, FREE, LADDER, RANDOM, directions
from epsball.report.text import DASH, number
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab
    from epsball.paper.rows import Row

NAME = "regions"
NETWORKS = ("mlp-512", "lenet-mnist")
LARGEST, EPS = 0.3, 0.1
LENGTHS = (1.0, 2.0, 5.0)
ENOUGH = 12
CENTRES = FOUND, ENDED, CLEAN = "the first success", "the last step", "the clean image"
FOOLED = "fooled"
BOXED_DIRECTIONS: dict[str, Any] = {"quantity": DIRECTIONS, "attack": ALIGNED, "space": BOXED, "eps": LENGTHS[-1]}
NEAR: dict[str, Any] = {"norm": linf.name, "eps": 0.05}
MUCH, LITTLE = 0.9, 0.1
SIZES = (200, 40, 11, 4), (500, 200, 21, 16)
"""Images, images whose directions are counted, points along a side of the planes, and points of a ball."""


def measure(lab: Lab) -> Rows:
    """Look at a plane, at orthogonal directions and at balls, on every network."""
    (n, few, points, draws), rows = lab.pick(*SIZES), list[Rows]()
    for name in NETWORKS:
        model, (x, y) = standard_network(lab, name).model, lab.data("mnist", n=n)
        right = labels(model, x) == y
        data, first = (x[right], y[right]), (x[right][:few], y[right][:few])
        steps = (
            lab.step(NAME, f"plane {name}", plane, model, data, lab.seed, LARGEST, points),
            lab.step(NAME, f"directions {name}", orthogonal, model, first, lab.seed, LENGTHS),
            lab.step(NAME, f"balls {name}", balls, model, data, lab.seed, EPS, draws),
        )
        rows.append(Rows.gathered(steps).of(network=name))
    return Rows.gathered(rows)


def _setting(lab: Lab) -> str:
    n, few, points, draws = lab.pick(*SIZES)
    return (
        f"The correctly classified of the first {n:,} test images of {lab.name('mnist')}. Planes of {points} × {points} points up to "
        f"{LARGEST} in linf, pixels clipped to [0, 1]. Orthogonal directions on {few} images, at most {LADDER[-1]} counted. Balls: "
        f"{draws} points each, PGD with 40 steps at ε = {EPS} in linf, images that it fools to the end. Seed {lab.seed}."
    )


def plane(model: Model, data: Data, seed: int, largest: float, points: int) -> Rows:
    """The plane of the direction of FGSM and a random one."""
    return over_plane(model, data, steepest(model, data, linf), seed, largest=largest, points=points)


def orthogonal(model: Model, data: Data, seed: int, lengths: tuple[float, ...]) -> Rows:
    """How many orthogonal directions of every length fool."""
    g = steepest(model, data, l2)
    return Rows.gathered(directions(model, data, g, eps, seed) for eps in lengths)


def balls(model: Model, data: Data, seed: int, eps: float, draws: int) -> Rows:
    """Balls round the first success of PGD, round its last step, and round the clean image."""
    x, y = data
    threat = Threat(linf, eps)
    found, ended = PGD()(model, x, y, threat, seed=seed), PGD().maximise(model, x, y, threat, seed=seed)
    fooled = found.success & (labels(model, ended) != y)
    centres = dict(zip(CENTRES, (found.x[fooled], ended[fooled], x[fooled]), strict=True))
    rate = fraction(fooled).of(FOOLED, attack=PGD.__name__, norm=linf.name, eps=eps)
    return Rows((rate, *in_balls(model, y[fooled], centres, seed, draws)))


def _within(found: dict[str, Row], *, low: float = 0.0, high: float = 1.0) -> Answer:
    """Whether every network's number lies between these; undecided where one has none and no other contradicts."""
    within = [low <= row.value <= high for row in found.values() if row.n]
    return listed(found), False if not all(within) else True if len(within) == len(found) else None


def _much(quantity: str, rows: Rows) -> Answer:
    return _within(rows.each("network", quantity=quantity), low=MUCH)


def _full(name: str, rows: Rows) -> Answer:
    found = rows.each("network", quantity=WRONG, network=name, data=FOUND, **NEAR)
    return percent(found[name]), _within(found, low=MUCH)[1]


def _clean(rows: Rows) -> Answer:
    return _within(rows.each("network", quantity=WRONG, data=CLEAN, **NEAR), high=LITTLE)


def _balls(rows: Rows) -> Rows:
    """Wrong labels in every ball, and beside each how many images PGD fools."""
    wrong, fooled = rows.where(quantity=WRONG), rows.each("network", quantity=FOOLED)
    beside = (fooled[row.network].of(norm=row.norm, eps=row.eps) for row in wrong.where(data=CLEAN))
    return Rows((*wrong, *beside))


def _in_linf(rows: Rows) -> dict[str, Rows]:
    """The curves of every network round every centre, where there are images."""
    wrong = Rows(tuple(row for row in rows.where(quantity=WRONG, norm=linf.name) if row.n))
    return {f"{name}, round {centre}": curve for (name, centre), curve in wrong.by("network", "data").items()}


def _caption(name: str, rows: Rows) -> str:
    n = rows.where(quantity=ACCURACY, network=name).rows[0].n
    return f"{name}: accuracy over the plane of the {DIRECTION} and a random one of the same linf size, {n} images."


EXPERIMENT = Experiment(
    id="E12",
    name=NAME,
    claim="Adversarial examples fill large contiguous regions instead of scattered pockets.",
    test="Accuracy in planes, orthogonal directions aligned with the gradient, and random points of balls, on two networks.",
    measure=measure,
    setting=_setting,
    checks=(
        Check(
            "of the fooled points of an image's plane, the largest region holds at least 90 % on average, in every network",
            "contiguous",
            partial(_much, TOGETHER),
        ),
        Check(
            "at least 90 % of the images that the FGSM direction fools stay fooled to its end, in every network",
            DASH,
            partial(_much, STAY),
        ),
        *(
            Check(
                f"{name}: at least {ENOUGH} orthogonal directions of length {LENGTHS[-1]:g} in l2 fool on average, half of 25",
                "≈ 25, arXiv:1704.03453",
                at_least(ENOUGH, decimal, network=name, **BOXED_DIRECTIONS),
            )
            for name in NETWORKS
        ),
        *(
            Check(
                f"{name}: within {NEAR['eps']} in linf of an example at least 90 % of the points are adversarial",
                DASH,
                partial(_full, name),
            )
            for name in NETWORKS
        ),
        Check(f"within {NEAR['eps']} in linf of their clean images at most 10 % are, in every network", DASH, _clean),
    ),
    tables=(
        Table(
            "Orthogonal directions that fool an image, on average (the source, Tramèr et al. 2017, arXiv:1704.03453: about 25)",
            ("network", "eps"),
            {
                "network": "network",
                "length in l2": key("eps", number),
                "aligned": decimals(attack=ALIGNED, space=FREE),
                f"aligned, {BOXED}": decimals(attack=ALIGNED, space=BOXED),
                f"of {LADDER[-1]} random, {BOXED}": decimals(attack=RANDOM),
            },
            where(quantity=DIRECTIONS),
        ),
        Table(
            "Fraction of wrong labels among random points of a ball, round points of the images that PGD fools",
            ("network", "norm", "eps"),
            {
                "network": "network",
                FOOLED: percents(quantity=FOOLED),
                "ball": lambda line: f"{NORMS[line.rows[0].norm]}, {line.rows[0].eps:g}",
                "round PGD's first success": percents(quantity=WRONG, data=FOUND),
                "round its last step": percents(quantity=WRONG, data=ENDED),
                "round the clean image": percents(quantity=WRONG, data=CLEAN),
            },
            _balls,
        ),
    ),
    figures=(
        *(
            Plane(
                partial(_caption, name),
                split("x", quantity=ACCURACY, network=name),
                f"{DIRECTION} (linf)",
                f"{RANDOM_SIGNS} (linf)",
            )
            for name in NETWORKS
        ),
        Lines(
            "Fraction of wrong labels among random points of linf balls round PGD's examples and round their clean images.",
            _in_linf,
            "eps",
            "radius (linf)",
            WRONG,
            percent=True,
        ),
    ),
)
