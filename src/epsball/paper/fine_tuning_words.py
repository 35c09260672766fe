"""What the measurements of E7 say: judgement, tables and plots beside the paper's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from epsball.paper.experiment import Check, Measured, Picture, Table
from epsball.paper.figure import mean, plain
from epsball.paper.plots import Line, lines
from epsball.report.words import DASH, number

if TYPE_CHECKING:
    from epsball.paper.figure import Figure

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
    """Both observations for every network after the last epoch; yes only where the interval over the seeds lies on that side."""
    return tuple(check for name, row in measured["networks"].items() for check in _judge(name, row))


def _judge(name: str, row: dict[str, Any]) -> list[Check]:
    before, paper = row["before"]["rho"]["value"], CURVES[name]
    last = {arm: [looks[-1]["rho"]["value"] for looks in runs] for arm, runs in row["arms"].items()}
    gain = mean([tuned - other for tuned, other in zip(last["DeepFool"], last["FGSM"], strict=True)])
    loss = mean([before - tuned for tuned in last["DeepFool × 3"]])
    ends = {arm: number(mean(values)["value"]) for arm, values in last.items()}
    return [
        Check(
            f"{name} (a): ρ after tuning on DeepFool examples is above ρ after FGSM examples; interval of the gain above 0",
            f"{paper['DeepFool']}, {paper['FGSM']}",
            f"{number(before)} → {ends['DeepFool']}, → {ends['FGSM']}: gain {plain(gain)}",
            gain["low"] > 0,
        ),
        Check(
            f"{name} (b): ρ after tuning on DeepFool perturbations × 3 is below that before; interval of the loss above 0",
            paper.get("DeepFool × 3", DASH),
            f"{number(before)} → {ends['DeepFool × 3']}: loss {plain(loss)}",
            loss["low"] > 0,
        ),
    ]


def _over_seeds(runs: list[list[dict[str, Any]]], what: str) -> list[Figure]:
    """The mean over the seeds, epoch by epoch, with its interval over the seeds."""
    return [mean([look[what]["value"] for look in looks]) for looks in zip(*runs, strict=True)]


def tables(measured: Measured) -> tuple[Table, ...]:
    """ρ epoch by epoch, and the test errors at the end beside the source's."""
    return (
        Table(
            "ρ after each epoch, mean over the seeds; the paper's first and last in square brackets",
            ("network", "arm", "before", *(f"epoch {epoch}" for epoch in range(1, 6)), "paper"),
            tuple(
                (
                    name,
                    arm,
                    number(row["before"]["rho"]["value"]),
                    *(number(f["value"]) for f in _over_seeds(runs, "rho")),
                    _paper(name, arm),
                )
                for name, row in measured["networks"].items()
                for arm, runs in row["arms"].items()
            ),
        ),
        Table(
            "Test error after fine-tuning; Table 3 of the DeepFool paper in square brackets",
            ("network", "before", *next(iter(measured["networks"].values()))["arms"]),
            tuple(
                (
                    name,
                    _percent(row["before"]["error"]["value"]),
                    *(_error(name, arm, runs) for arm, runs in row["arms"].items()),
                )
                for name, row in measured["networks"].items()
            ),
        ),
    )


def _paper(name: str, arm: str) -> str:
    return f"[{CURVES[name].get(arm, DASH)}]"


def _error(name: str, arm: str, runs: list[list[dict[str, Any]]]) -> str:
    return f"{_percent(_over_seeds(runs, 'error')[-1]['value'])} [{ERRORS[name].get(arm, DASH)}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """ρ over the epochs, one plot a network."""
    return tuple(
        Picture(
            f"{name}: ρ after each epoch of fine-tuning, mean over the seeds.",
            lines([_line(arm, row["before"]["rho"]["value"], runs) for arm, runs in row["arms"].items()], "epoch", "ρ"),
        )
        for name, row in measured["networks"].items()
    )


def _line(arm: str, before: float, runs: list[list[dict[str, Any]]]) -> Line:
    values = [before, *(figure["value"] for figure in _over_seeds(runs, "rho"))]
    return Line(arm, range(len(values)), values)
