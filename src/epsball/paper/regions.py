"""E12: adversarial examples fill contiguous regions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from epsball.attacks import PGD
from epsball.geometry import l2, linf
from epsball.paper.answers import labels, steepest
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, percent, plain, share
from epsball.paper.neighbourhood import in_balls, over_plane
from epsball.paper.networks import standard_network
from epsball.paper.plots import Line, lines, plane
from epsball.paper.subspace import LADDER, directions
from epsball.report.text import DASH, NORMS, number
from epsball.threat import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "regions"
NETWORKS = ("mlp-512", "lenet-mnist")
MOST, EPS = 0.3, 0.1
LENGTHS = (1.0, 2.0, 5.0)
DIRECTIONS = 12
CENTRES = {"found": "the first hit", "ended": "the last step", "clean": "the clean image"}
NEAR = ("linf", 0.05)
MUCH, LITTLE = 0.9, 0.1


def measure(lab: Lab) -> Measured:
    """Look at a plane, at orthogonal directions and at balls, on every network."""
    n, few, points, draws = lab.pick(200, 500), lab.pick(40, 200), lab.pick(11, 21), lab.pick(4, 16)
    networks = {}
    for name in NETWORKS:
        model, (x, y) = standard_network(lab, name).model, lab.data("mnist", n=n)
        right = labels(model, x) == y
        data, first = (x[right], y[right]), (x[right][:few], y[right][:few])
        parts: dict[str, Callable[[], Any]] = {
            "plane": partial(_plane, model, data, lab.seed, points),
            "directions": partial(_directions, model, first, lab.seed),
            "balls": partial(_balls, model, data, lab.seed, draws),
        }
        settings = f"{few}, {points}, {draws}, {MOST}, {EPS}, {LENGTHS}"
        found = {part: lab.step(NAME, f"{part} {name}", step, model, x, settings) for part, step in parts.items()}
        networks[name] = {"images": int(right.sum()), **found}
    setting = (
        f"The correctly classified of the first {n:,} test images of {lab.name('mnist')}. Planes of {points} × {points} points up to "
        f"{MOST} in linf, pixels clipped to [0, 1]. Orthogonal directions on {few} images, at most {LADDER[-1]} counted. Balls: "
        f"{draws} points each, PGD with 40 steps at ε = {EPS} in linf, images that it fools to the end. Seed {lab.seed}."
    )
    return {"networks": networks, "setting": setting}


def _plane(model: Model, data: Data, seed: int, points: int) -> Measured:
    return over_plane(model, data, steepest(model, data, linf), seed, most=MOST, points=points)


def _directions(model: Model, data: Data, seed: int) -> list[Measured]:
    g = steepest(model, data, l2)
    return [{"eps": eps, **directions(model, data, g, eps, seed)} for eps in LENGTHS]


def _balls(model: Model, data: Data, seed: int, draws: int) -> Measured:
    x, y = data
    threat = Threat(linf, EPS)
    found, ended = PGD()(model, x, y, threat, seed=seed), PGD().maximise(model, x, y, threat, seed=seed)
    hit = found.success & (labels(model, ended) != y)
    centres = {"found": found.x[hit], "ended": ended[hit], "clean": x[hit]}
    return {"fooled": share(hit), "rows": in_balls(model, y[hit], centres, seed, draws)}


def _each(figures: dict[str, Figure | None]) -> str:
    return "; ".join(f"{name} {percent(figure)}" for name, figure in figures.items())


def _all(figures: dict[str, Figure | None], *, least: float = 0.0, most: float = 1.0) -> bool | None:
    """Whether every network's share lies between these; None where no image could be asked and no other network contradicts."""
    within = [least <= figure["value"] <= most for figure in figures.values() if figure]
    return False if not all(within) else True if len(within) == len(figures) else None


def judge(measured: Measured) -> tuple[Check, ...]:
    """Fooled points hang together, rays stay fooled, directions are many, and balls round an example are full."""
    networks = measured["networks"].items()
    together, stay = ({name: own["plane"][key] for name, own in networks} for key in ("together", "stay"))
    near = {
        name: ball for name, own in networks for ball in own["balls"]["rows"] if (ball["norm"], ball["radius"]) == NEAR
    }
    found, clean = ({name: ball[key] for name, ball in near.items()} for key in ("found", "clean"))
    many = {name: own["directions"][-1]["boxed"] for name, own in networks}
    return (
        Check(
            "of the fooled points of an image's plane, the largest region holds at least 90 % on average, in every network",
            "contiguous",
            _each(together),
            _all(together, least=MUCH),
        ),
        Check(
            "at least 90 % of the images that the FGSM direction fools stay fooled to its end, in every network",
            DASH,
            _each(stay),
            _all(stay, least=MUCH),
        ),
        *(
            Check(
                f"{name}: at least {DIRECTIONS} orthogonal directions of length {LENGTHS[-1]:g} in l2 fool on average, half of 25",
                "≈ 25, arXiv:1704.03453",
                plain(figure),
                figure["value"] >= DIRECTIONS,
            )
            for name, figure in many.items()
        ),
        *(
            Check(
                f"{name}: within {NEAR[1]} in linf of an example at least 90 % of the points are adversarial",
                DASH,
                percent(figure),
                _all({name: figure}, least=MUCH),
            )
            for name, figure in found.items()
        ),
        Check(
            f"within {NEAR[1]} in linf of their clean images at most 10 % are, in every network",
            DASH,
            _each(clean),
            _all(clean, most=LITTLE),
        ),
    )


def tables(measured: Measured) -> tuple[Table, ...]:
    """Orthogonal directions by length, and balls by radius."""
    networks = measured["networks"].items()
    return (
        Table(
            "Orthogonal directions that fool an image, on average (the source, Tramèr et al. 2017, arXiv:1704.03453: about 25)",
            (
                "network",
                "length in l2",
                "aligned",
                "aligned, pixels in [0, 1]",
                f"of {LADDER[-1]} random, pixels in [0, 1]",
            ),
            tuple(
                (name, number(row["eps"]), plain(row["free"]), plain(row["boxed"]), plain(row["random"]))
                for name, own in networks
                for row in own["directions"]
            ),
        ),
        Table(
            "Share of wrong labels among random points of a ball, round points of the images that PGD fools",
            ("network", "fooled", "ball", "round PGD's first hit", "round its last step", "round the clean image"),
            tuple(
                (
                    name,
                    percent(own["balls"]["fooled"]),
                    f"{NORMS[row['norm']]}, {row['radius']:g}",
                    *(percent(row[key]) for key in CENTRES),
                )
                for name, own in networks
                for row in own["balls"]["rows"]
            ),
        ),
    )


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """Accuracy over the plane of every network, and the wrong labels in balls."""
    networks, ends = measured["networks"].items(), ("value", "low", "high")
    planes = tuple(
        Picture(
            f"{name}: accuracy over the plane of the FGSM direction and a random one of the same linf size, {own['images']} images.",
            plane(
                own["plane"]["accuracy"], (-MOST, MOST, -MOST, MOST), "FGSM direction (linf)", "random direction (linf)"
            ),
        )
        for name, own in networks
    )
    curves = [
        Line(
            f"{name}, round {text}", [row["radius"] for row in rows], *([row[key][end] for row in rows] for end in ends)
        )
        for name, own in networks
        for rows in [[row for row in own["balls"]["rows"] if row["norm"] == "linf" and row["found"]]]
        for key, text in CENTRES.items()
    ]
    caption = (
        "Share of wrong labels among random points of linf balls round PGD's examples and round their clean images."
    )
    return (*planes, Picture(caption, lines(curves, "radius (linf)", "wrong labels", percent=True)))


EXPERIMENT = Experiment(
    id="E12",
    name=NAME,
    claim="Adversarial examples fill large contiguous regions instead of scattered pockets.",
    test="Accuracy in planes, orthogonal directions aligned with the gradient, and random points of balls, on two networks.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
