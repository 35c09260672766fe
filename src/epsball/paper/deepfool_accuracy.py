"""E4: what DeepFool leaves of the accuracy of the paper's network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.attacks import DeepFool
from epsball.geometry import l2
from epsball.paper.answers import logits
from epsball.paper.cells import at_least, at_most, decimals, key, percents
from epsball.paper.estimates import fraction, if_any, mean, percent
from epsball.paper.experiment import Answer, Check, Experiment, Table, check
from epsball.paper.networks import standard_network
from epsball.paper.plots import Lines
from epsball.paper.rows import Row, Rows, split, where
from epsball.paper.spaces import Space, centred
from epsball.threat import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "deepfool-accuracy"
CLEAN, PAPER = 0.93, 0.0104
OVERSHOOT = 0.02
STEPS = (*range(1, 13), 50)
"""Largest numbers of linearisations; the last is what the authors' code allows."""

ACCURACY = "accuracy"
COUNTS = KEPT, TRUE, MENDED = (
    "label kept, of the correctly classified",
    "original label correct, of all",
    "original label correct, of the wrongly classified",
)
SIZES = RHO, RHO_CENTRED, ITERATIONS = (
    "ρ = |r| / |x|, pixels in [0, 1]",
    "ρ with the mean training image subtracted from x",
    "steps",
)
"""Of the correctly classified images that were fooled."""


def measure(lab: Lab) -> Rows:
    """Run DeepFool on all test images and look at it after every step."""
    model, data = standard_network(lab, "mlp-512").model, lab.data("mnist")
    return lab.step(NAME, DeepFool.__name__, of_deepfool, model, data, centred(lab.data("mnist", "train")[0]))


def _setting(lab: Lab) -> str:
    return (
        f"784-512-10 on {lab.name('mnist')}, all {len(lab.data('mnist')[1]):,} test images; DeepFool in l2 as published, away from the "
        f"predicted label, all 10 classes at every step, overshoot {OVERSHOOT}, at most {STEPS[-1]} steps, pixels clipped to [0, 1]."
    )


def of_deepfool(model: Model, data: Data, space: Space) -> Rows:
    """What DeepFool leaves after each of `STEPS`, and the size of its perturbations in pixels and in a space."""
    x, y = data
    before = logits(model, x)
    predicted, others = before.argmax(1), before.shape[1] - 1
    attack = DeepFool(steps=STEPS[-1], overshoot=OVERSHOOT, halvings=0, screen=float("inf"))
    found = attack(model, x, predicted, Threat(l2))
    after = logits(model, found.x).argmax(1)
    taken = torch.where(found.success, found.gradients.double() / others, torch.inf)  # every other class, every step
    right, fooled = predicted == y, found.success & (predicted == y)
    sizes = (found.relative, space.view(model, x).rho(found.x), taken)
    attacked = [
        *after_steps(taken, torch.stack([predicted, after, y])),
        *(if_any(mean, values[fooled]).of(name) for name, values in zip(SIZES, sizes, strict=True)),
    ]
    return Rows((fraction(right).of(ACCURACY), *Rows(tuple(attacked)).of(attack=DeepFool.__name__, norm=l2.name)))


def after_steps(taken: Tensor, labels: Tensor) -> Rows:
    """Count what is left after each of `STEPS`: labels kept, and original labels predicted.

    Args:
        taken: steps after which each image was fooled `(N,)`, infinity where it never was.
        labels: predicted before, predicted once fooled, and original `(3, N)`; some original label was predicted.
    """
    predicted, after, y = labels
    right, rows = predicted == y, list[Row]()
    for steps in STEPS:
        now = torch.where(taken <= steps, after, predicted)
        counts = (fraction((now == predicted)[right]), fraction(now == y), if_any(fraction, (now == y)[~right]))
        rows += [row.of(name, x=float(steps)) for name, row in zip(COUNTS, counts, strict=True)]
    return Rows(tuple(rows))


@check(
    "over all images, the original label is correct on 1.04 % of the DeepFool examples, within a factor of two",
    "1.04 %",
)
def _true(rows: Rows) -> Answer:
    kept, true, mended = (rows.one(quantity=count, x=STEPS[-1]) for count in COUNTS)
    all_wrong = f", all of them wrong before the attack: {percent(mended)} of those" if kept.value == 0 else ""
    return f"{percent(true)}{all_wrong}", PAPER / 2 <= true.value <= 2 * PAPER


def _caption(rows: Rows) -> str:
    enough = [row.x for row in rows.where(quantity=KEPT) if row.value <= PAPER]
    when = f"at most 1.04 % keep it from step {enough[0]:g} on" if enough else "more than 1.04 % keep it to the end"
    return f"Left when DeepFool stops after so many steps; {when}"


EXPERIMENT = Experiment(
    id="E4",
    name=NAME,
    claim="A network with about 97 % accuracy on MNIST keeps 1.04 % on DeepFool examples.",
    test="784-512-10 under DeepFool in l2: labels kept, and original labels correct, after each number of steps.",
    measure=measure,
    setting=_setting,
    checks=(
        Check(f"clean accuracy of at least {100 * CLEAN:.0f} %", "≈ 97 %", at_least(CLEAN, quantity=ACCURACY)),
        Check(
            "of the correctly classified images at most 1.04 % keep their label under DeepFool",
            "1.04 %",
            at_most(PAPER, quantity=KEPT, x=STEPS[-1]),
        ),
        _true,
    ),
    tables=(
        Table(
            _caption,
            ("x",),
            {ITERATIONS: key("x", "{:g}".format), **{count: percents(quantity=count) for count in COUNTS}},
            where(quantity=COUNTS),
        ),
        Table(
            "The perturbations of the correctly classified images that were fooled",
            ("quantity",),
            {"quantity": "quantity", "mean": decimals()},
            where(quantity=SIZES),
        ),
    ),
    figures=(
        Lines(
            "What DeepFool leaves of 784-512-10 after so many steps, with 95 % interval; the dashed line is the paper's 1.04 %.",
            split("quantity", quantity=(KEPT, TRUE), x=STEPS[:-1]),
            "x",
            ITERATIONS,
            "fraction",
            percent=True,
            marks={"1.04 %": PAPER},
        ),
    ),
)
