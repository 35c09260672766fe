"""E4: what DeepFool leaves of the accuracy of the paper's network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypedDict

import torch

from epsball.attacks import DeepFool
from epsball.geometry import l2
from epsball.paper.answers import logits
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, if_any, mean, percent, plain, share
from epsball.paper.networks import standard_network
from epsball.paper.plots import Line, lines
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
"""Most linearisations; the last is what the authors' code allows."""


class Row(TypedDict):
    """What DeepFool leaves when it stops after some steps.

    Args:
        steps: most linearisations.
        kept: the predicted label is kept, of the correctly classified images.
        true: the original label is predicted, of all images: kept, or reached by the step away from a wrong one.
        mended: the original label is predicted, of the wrongly classified images; None where there are none.
    """

    steps: int
    kept: Figure
    true: Figure
    mended: Figure | None


def measure(lab: Lab) -> Measured:
    """Run DeepFool on all test images and look at it after every step."""
    model, (x, y) = standard_network(lab, "mlp-512").model, lab.data("mnist")
    own = centred(lab.data("mnist", "train")[0])
    found = lab.step(
        NAME, "DeepFool", partial(_deepfool, model, (x, y), own), model, x, y, own(x[:1]), str((STEPS, OVERSHOOT))
    )
    setting = (
        f"784-512-10 on {lab.name('mnist')}, all {len(y):,} test images; DeepFool in l2 as published, away from the predicted label, "
        f"all 10 classes at every step, overshoot {OVERSHOOT}, at most {STEPS[-1]} steps, pixels clipped to [0, 1]."
    )
    return {**found, "setting": setting}


def _deepfool(model: Model, data: Data, own: Space) -> Measured:
    x, y = data
    before = logits(model, x)
    predicted, others = before.argmax(1), before.shape[1] - 1
    attack = DeepFool(steps=STEPS[-1], overshoot=OVERSHOOT, halvings=0, screen=float("inf"))
    found = attack(model, x, predicted, Threat(l2))
    after = logits(model, found.x).argmax(1)
    taken = torch.where(found.success, found.gradients.double() / others, torch.inf)  # every other class, every step
    right, fooled = predicted == y, found.success & (predicted == y)
    return {
        "clean": share(right),
        "rows": after_steps(taken, torch.stack([predicted, after, y])),
        "iterations": if_any(mean, taken[fooled]),
        "rho": if_any(mean, found.relative[fooled]),
        "rho_centred": if_any(mean, own.view(model, x).rho(found.x)[fooled]),
    }


def after_steps(taken: Tensor, labels: Tensor) -> list[Row]:
    """Count what is left after each of `STEPS`.

    Args:
        taken: steps after which each image was fooled `(N,)`, infinity where it never was.
        labels: predicted before, predicted once fooled, and original `(3, N)`; some original label was predicted.
    """
    predicted, after, y = labels
    right, rows = predicted == y, []
    for steps in STEPS:
        now = torch.where(taken <= steps, after, predicted)
        hit = now == y
        kept, mended = share((now == predicted)[right]), if_any(share, hit[~right])
        rows.append(Row(steps=steps, kept=kept, true=share(hit), mended=mended))
    return rows


def judge(measured: Measured) -> tuple[Check, ...]:
    """DeepFool breaks nearly every image; counted over all images, wrongly classified ones included, about 1 % come out right."""
    clean, last = measured["clean"], measured["rows"][-1]
    return (
        Check(f"clean accuracy of at least {100 * CLEAN:.0f} %", "≈ 97 %", percent(clean), clean["value"] >= CLEAN),
        Check(
            "of the correctly classified images at most 1.04 % keep their label under DeepFool",
            "1.04 %",
            percent(last["kept"]),
            last["kept"]["value"] <= PAPER,
        ),
        Check(
            "over all images, the original label is correct on 1.04 % of the DeepFool examples, within a factor of two",
            "1.04 %",
            f"{percent(last['true'])}, all of them wrong before the attack: {percent(last['mended'])} of those"
            if last["kept"]["value"] == 0
            else percent(last["true"]),
            PAPER / 2 <= last["true"]["value"] <= 2 * PAPER,
        ),
    )


def tables(measured: Measured) -> tuple[Table, ...]:
    """Both counts after every step, and the size of the perturbations."""
    enough = [row["steps"] for row in measured["rows"] if row["kept"]["value"] <= PAPER]
    when = f"at most 1.04 % keep it from step {enough[0]} on" if enough else "more than 1.04 % keep it to the end"
    return (
        Table(
            f"Left when DeepFool stops after so many steps; {when}",
            (
                "steps",
                "label kept, of the correctly classified",
                "original label correct, of all",
                "original label correct, of the wrongly classified",
            ),
            tuple(
                (str(row["steps"]), percent(row["kept"]), percent(row["true"]), percent(row["mended"]))
                for row in measured["rows"]
            ),
        ),
        Table(
            "The perturbations of the correctly classified images that were fooled",
            ("quantity", "mean"),
            (
                ("ρ = |r| / |x|, pixels in [0, 1]", plain(measured["rho"])),
                ("ρ with the mean training image subtracted from x", plain(measured["rho_centred"])),
                ("steps", plain(measured["iterations"])),
            ),
        ),
    )


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """Both counts against the number of steps."""
    rows = measured["rows"][:-1]
    ends = ("value", "low", "high")
    names = {"kept": "label kept, of the correctly classified", "true": "original label correct, of all"}
    return (
        Picture(
            "What DeepFool leaves of 784-512-10 after so many steps, with 95 % interval; the dashed line is the paper's 1.04 %.",
            lines(
                [
                    Line(text, [r["steps"] for r in rows], *([r[key][end] for r in rows] for end in ends))
                    for key, text in names.items()
                ],
                "steps",
                "share",
                percent=True,
                marks={"1.04 %": PAPER},
            ),
        ),
    )


EXPERIMENT = Experiment(
    id="E4",
    name=NAME,
    claim="A network with about 97 % accuracy on MNIST keeps 1.04 % on DeepFool examples.",
    test="784-512-10 under DeepFool in l2: labels kept, and original labels correct, after each number of steps.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
