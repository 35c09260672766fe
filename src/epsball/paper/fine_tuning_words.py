"""What the measurements of E7 say: judgement, tables and plots beside the paper's."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from epsball.paper.experiment import Check, Measured, Picture, Table
from epsball.paper.figure import bounded_mean, mean, percent, plain
from epsball.paper.plots import Line, lines
from epsball.report.text import DASH, number

if TYPE_CHECKING:
    from epsball.paper.figure import Figure

ENDS: tuple[Literal["value", "low", "high"], ...] = ("value", "low", "high")
CURVES = {
    "lenet-mnist": {
        "DeepFool": "0.193 → 0.251",
        "FGSM": "→ 0.131",
        "clean": "flat",
        "DeepFool × 2": "→ 0.078",
        "DeepFool × 3": "→ 0.050",
    },
    "fc-500-150": {"DeepFool": "0.102 → 0.147", "FGSM": "→ 0.064"},
    "nin": {"DeepFool": "0.0238 → 0.0345", "FGSM": "→ 0.0415"},
    "lenet-cifar": {"DeepFool": "0.0308 → 0.0378", "FGSM": "0.0354 → 0.0256", "clean": "0.0300"},
}
"""ρ over the epochs, read off the plots of the DeepFool paper."""

ERRORS = {
    "lenet-mnist": {"DeepFool": "0.8 %", "FGSM": "4.4 %", "clean": "1.0 %"},
    "fc-500-150": {"DeepFool": "1.5 %", "FGSM": "4.9 %", "clean": "1.7 %"},
    "nin": {"DeepFool": "11.2 %", "FGSM": "21.2 %", "clean": "11.5 %"},
    "lenet-cifar": {"DeepFool": "20.0 %", "FGSM": "28.6 %", "clean": "22.6 %"},
}
"""Test errors after fine-tuning, Table 3 of the DeepFool paper."""


def judge(measured: Measured) -> tuple[Check, ...]:
    """Both observations for every network after the last epoch; yes only where the interval over the seeds lies on that side.

    A single seed has no interval and decides nothing.
    """
    return tuple(check for name, row in measured["networks"].items() for check in _judge(name, row))


def _judge(name: str, row: dict[str, Any]) -> list[Check]:
    paper, runs = CURVES[name], row["arms"]
    before = [row["before"]["rho"]["value"]] * len(runs["FGSM"])
    tuned, fgsm, thrice = (_last(runs[arm]) for arm in ("DeepFool", "FGSM", "DeepFool × 3"))
    return [
        _check(
            f"{name} (a): ρ after tuning on DeepFool examples is above ρ after FGSM examples; interval of the gain above 0",
            f"{paper['DeepFool']}, {paper['FGSM']}",
            f"{number(before[0])} → {_text(tuned)}, → {_text(fgsm)}: gain",
            (tuned, fgsm),
        ),
        _check(
            f"{name} (b): ρ after tuning on DeepFool perturbations × 3 is below that before; interval of the loss above 0",
            paper.get("DeepFool × 3", DASH),
            f"{number(before[0])} → {_text(thrice)}: loss",
            (before, thrice),
        ),
    ]


def _last(runs: list[list[dict[str, Any]]]) -> list[float]:
    """ρ after the last epoch, seed by seed; none where a network no longer classifies an image."""
    values = [looks[-1]["rho"]["value"] for looks in runs if looks[-1]["rho"]]
    return values if len(values) == len(runs) else []


def _text(values: list[float]) -> str:
    return number(mean(values)["value"]) if values else DASH


def _check(statement: str, paper: str, text: str, sides: tuple[list[float], list[float]]) -> Check:
    """Whether the first side is larger, seed by seed."""
    above, below = sides
    if not above or not below:
        return Check(statement, paper, f"{text} {DASH}; a tuned network classifies no image: nothing to compare", None)
    more = mean([one - other for one, other in zip(above, below, strict=True)])
    if more["n"] == 1:
        return Check(statement, paper, f"{text} {plain(more)}; one seed, which decides nothing", None)
    return Check(statement, paper, f"{text} {plain(more)}", more["low"] > 0)


def _over_seeds(runs: list[list[dict[str, Any]]], what: str) -> list[Figure | None]:
    """The mean over the seeds, epoch by epoch, with its interval over the seeds; None where a network classifies no image."""
    middle = bounded_mean if what == "error" else mean
    epochs = zip(*runs, strict=True)
    return [
        middle([look[what]["value"] for look in looks]) if all(look[what] for look in looks) else None
        for looks in epochs
    ]


def tables(measured: Measured) -> tuple[Table, ...]:
    """ρ epoch by epoch, and the test errors at the end beside the source's."""
    return (
        Table(
            "ρ after each epoch, mean over the seeds with their interval, before with that of the images; the paper's first and last "
            "in square brackets",
            ("network", "arm", "before", *(f"epoch {epoch}" for epoch in range(1, 6)), "paper"),
            tuple(
                (
                    name,
                    arm,
                    plain(row["before"]["rho"]),
                    *map(plain, _over_seeds(runs, "rho")),
                    _paper(name, arm),
                )
                for name, row in measured["networks"].items()
                for arm, runs in row["arms"].items()
            ),
        ),
        Table(
            "Test error after fine-tuning, mean over the seeds with their interval, before with that of the images; Table 3 of the "
            "DeepFool paper in square brackets",
            ("network", "before", *next(iter(measured["networks"].values()))["arms"]),
            tuple(
                (
                    name,
                    percent(row["before"]["error"]),
                    *(_error(name, arm, runs) for arm, runs in row["arms"].items()),
                )
                for name, row in measured["networks"].items()
            ),
        ),
    )


def _paper(name: str, arm: str) -> str:
    return f"[{CURVES[name].get(arm, DASH)}]"


def _error(name: str, arm: str, runs: list[list[dict[str, Any]]]) -> str:
    return f"{percent(_over_seeds(runs, 'error')[-1])} [{ERRORS[name].get(arm, DASH)}]"


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """ρ over the epochs, one plot a network."""
    return tuple(
        Picture(
            f"{name}: ρ after each epoch of fine-tuning, mean over the seeds with 95 % interval.",
            lines([_line(arm, row["before"]["rho"]["value"], runs) for arm, runs in row["arms"].items()], "epoch", "ρ"),
        )
        for name, row in measured["networks"].items()
    )


def _line(arm: str, before: float, runs: list[list[dict[str, Any]]]) -> Line:
    after = list(takewhile(bool, _over_seeds(runs, "rho")))
    value, low, high = ([before, *(figure[end] for figure in after if figure)] for end in ENDS)
    return Line(arm, range(len(value)), value, low, high)
