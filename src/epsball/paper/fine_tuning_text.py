"""What the rows of E7 say: checks, tables and figures beside the paper's."""

from __future__ import annotations

from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from epsball.paper.cells import decimals, percents
from epsball.paper.estimates import bounded_mean, decimal, exactly, mean, over_seeds, paired, percent
from epsball.paper.experiment import Answer, Check, Table
from epsball.paper.plots import Lines
from epsball.paper.rows import Row, Rows
from epsball.report.text import DASH, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EPOCHS = 5
ARMS = CLEAN, DEEPFOOL, FGSM, TWICE, THRICE = "clean", "DeepFool", "FGSM", "DeepFool × 2", "DeepFool × 3"
ERROR, RHO = "error", "ρ"
CURVES = {
    "lenet-mnist": {DEEPFOOL: "0.193 → 0.251", FGSM: "→ 0.131", CLEAN: "flat", TWICE: "→ 0.078", THRICE: "→ 0.050"},
    "fc-500-150": {DEEPFOOL: "0.102 → 0.147", FGSM: "→ 0.064"},
    "nin": {DEEPFOOL: "0.0238 → 0.0345", FGSM: "→ 0.0415"},
    "lenet-cifar": {DEEPFOOL: "0.0308 → 0.0378", FGSM: "0.0354 → 0.0256", CLEAN: "0.0300"},
}
"""ρ over the epochs, read off the plots of the DeepFool paper."""

ERRORS = {
    "lenet-mnist": {DEEPFOOL: "0.8 %", FGSM: "4.4 %", CLEAN: "1.0 %"},
    "fc-500-150": {DEEPFOOL: "1.5 %", FGSM: "4.9 %", CLEAN: "1.7 %"},
    "nin": {DEEPFOOL: "11.2 %", FGSM: "21.2 %", CLEAN: "11.5 %"},
    "lenet-cifar": {DEEPFOOL: "20.0 %", FGSM: "28.6 %", CLEAN: "22.6 %"},
}
"""Test errors after fine-tuning, Table 3 of the DeepFool paper."""


def _seeds(name: str, arm: str, rows: Rows) -> list[float]:
    """ρ after the last epoch, seed by seed; nothing where a network no longer classifies an image."""
    last = rows.where(quantity=RHO, network=name, data=arm, x=EPOCHS)
    return last.values() if all(row.n for row in last) else []


def _before(name: str, rows: Rows) -> Row:
    return rows.one(quantity=RHO, network=name, x=0)


def _text(values: list[float]) -> str:
    return number(mean(values).value) if values else DASH


def _larger(text: str, above: list[float], below: list[float]) -> Answer:
    """Whether the first side is larger, seed by seed: where the interval over the seeds lies on that side.

    A single seed has no interval and decides nothing.
    """
    if not above or not below:
        return f"{text} {DASH}; a tuned network classifies no image: nothing to compare", None
    more = paired(above, below)
    if more.n == 1:
        return f"{text} {decimal(more)}; one seed, which decides nothing", None
    return f"{text} {decimal(more)}", more.low > 0


def _gain(name: str, rows: Rows) -> Answer:
    tuned, fgsm = (_seeds(name, arm, rows) for arm in (DEEPFOOL, FGSM))
    return _larger(f"{number(_before(name, rows).value)} → {_text(tuned)}, → {_text(fgsm)}: gain", tuned, fgsm)


def _loss(name: str, rows: Rows) -> Answer:
    before, thrice = _before(name, rows).value, _seeds(name, THRICE, rows)
    return _larger(f"{number(before)} → {_text(thrice)}: loss", [before] * len(thrice), thrice)


CHECKS = tuple(
    check
    for name, paper in CURVES.items()
    for check in (
        Check(
            f"{name} (a): ρ after tuning on DeepFool examples is above ρ after FGSM examples; interval of the gain above 0",
            f"{paper[DEEPFOOL]}, {paper[FGSM]}",
            partial(_gain, name),
        ),
        Check(
            f"{name} (b): ρ after tuning on DeepFool perturbations × 3 is below that before; interval of the loss above 0",
            paper.get(THRICE, DASH),
            partial(_loss, name),
        ),
    )
)


def over_epochs(quantity: str, centre: Callable[[Sequence[float]], Row], rows: Rows) -> Rows:
    """For every network and arm the number before, at epoch 0, and the mean over the seeds after each epoch."""
    rows = rows.where(quantity=quantity)
    after = over_seeds(Rows(tuple(row for row in rows if row.x)), centre)
    before = rows.each("network", x=0)
    arms = after.by("network", "data").items()
    return Rows.gathered(part for (name, arm), own in arms for part in (before[name].of(data=arm), own))


def _curves(name: str, rows: Rows) -> dict[str, Rows]:
    """ρ of every arm as long as its networks classify some image, from the point where all of them began."""
    arms = over_epochs(RHO, mean, rows).where(network=name).by("data")
    return {
        arm: Rows((exactly(first.value), *takewhile(lambda row: row.n > 0, after)))
        for arm, (first, *after) in arms.items()
    }


def _error(arm: str, line: Rows) -> str:
    row = line.one(data=arm, x=EPOCHS)
    return f"{percent(row)} [{ERRORS[row.network].get(arm, DASH)}]"


TABLES = (
    Table(
        "ρ after each epoch, mean over the seeds with their interval, before with that of the images; the paper's first and last "
        "in square brackets",
        ("network", "data"),
        {
            "network": "network",
            "arm": "data",
            "before": decimals(x=0),
            **{f"epoch {epoch}": decimals(x=epoch) for epoch in range(1, EPOCHS + 1)},
            "paper": lambda line: f"[{CURVES[line.rows[0].network].get(line.rows[0].data, DASH)}]",
        },
        partial(over_epochs, RHO, mean),
    ),
    Table(
        "Test error after fine-tuning, mean over the seeds with their interval, before with that of the images; Table 3 of the "
        "DeepFool paper in square brackets",
        ("network",),
        {"network": "network", "before": percents(x=0, data=CLEAN), **{arm: partial(_error, arm) for arm in ARMS}},
        partial(over_epochs, ERROR, bounded_mean),
    ),
)

FIGURES = tuple(
    Lines(
        f"{name}: ρ after each epoch of fine-tuning, mean over the seeds with 95 % interval.",
        partial(_curves, name),
        "x",
        "epoch",
        RHO,
    )
    for name in CURVES
)
