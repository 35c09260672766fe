"""E10: a network needs capacity to be robust, and more of it lowers the saddle-point value."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F

from epsball.attacks import FGSM, PGD
from epsball.geometry import linf
from epsball.paper.answers import labels, logits
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, mean, percent, plain, share
from epsball.paper.networks import ATTACKS, ROBUST_EPS, WARM_UP, trained_up
from epsball.paper.plots import Line, lines
from epsball.report.words import DASH, number
from epsball.threat import Threat
from epsball.train.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.attacks import Attack
    from epsball.models.wrap import Model
    from epsball.paper.lab import Data, Lab

NAME = "capacity"
OBJECTIVES = ("standard", "FGSM", "PGD")
THREAT = Threat(linf, ROBUST_EPS)
GUESS = math.log(10)
"""Loss of a network that finds all ten digits equally likely, where training can stay."""
LOSES, TREND, LEAK, LEARNS = 0.05, -0.9, 0.5, 0.2


def measure(lab: Lab) -> Measured:
    """Train every scale with every objective, and one scale with PGD at several rates."""
    scales, swept = lab.pick((1, 2, 4), (1, 2, 4, 8, 16)), lab.pick(2, 4)
    rates = lab.pick((1e-3, 2e-3, 4e-3), (3e-4, 1e-3, 2e-3, 4e-3))
    recipe = Recipe(epochs=3, batch_size=lab.pick(16, 32), rate=lab.pick(2e-3, 1e-3))
    train = lab.data("mnist", "train", lab.pick(1000, 10_000))
    test, attack = lab.data("mnist", n=lab.pick(300, 1000)), PGD(steps=lab.pick(10, 20))
    networks: dict[str, dict[str, dict[str, Figure]]] = {objective: {} for objective in OBJECTIVES}
    for scale in scales:
        for objective in OBJECTIVES:
            model = trained_up(lab, objective, lab.network(f"capacity-{scale}", "mnist"), train, recipe).model
            compute = partial(strength, model, test, attack, lab.seed)
            networks[objective][str(scale)] = lab.step(
                NAME, f"{objective} {scale}", compute, model, *test, repr((attack, THREAT))
            )
    sweep = []
    for rate in rates:
        start, own = lab.network(f"capacity-{swept}", "mnist"), replace(recipe, rate=rate)
        model = trained_up(lab, "PGD", start, train, own).model
        seen, again = (part[: len(test[1])] for part in train), partial(gap, model)
        del seen, again
    return {}
