"""What the measurements of E6 say: judgement, tables and plots beside the paper's."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from epsball.paper.experiment import Check, Measured, Picture, Table
from epsball.paper.figure import percent, plain
from epsball.paper.plots import bars
from epsball.report.words import DASH, number


class Source(NamedTuple):
    """A row of the paper's Figure 4 and of Table 2 of the DeepFool paper: error, ρ of three attacks, their times, ρ in linf of two."""

    error: str
    deepfool: float
    fgsm: float
    lbfgs: float | None
    times: tuple[str, str, str]
    linf: tuple[str, str]


PAPER = {
    "lenet-mnist": Source("1 %", 0.2, 1.0, 0.25, ("110 ms", "20 ms", "> 4 s"), ("0.10", "0.26")),
    "fc-500-150": Source("1.7 %", 0.11, 0.39, 0.12, ("50 ms", "10 ms", "> 2 s"), ("0.04", "0.11")),
    "nin": Source("11.5 %", 0.023, 0.12, 0.024, ("1100 ms", "180 ms", "> 50 s"), ("0.008", "0.024")),
    "lenet-cifar": Source("22.6 %", 0.03, 0.13, 0.039, ("220 ms", "50 ms", "> 7 s"), ("0.015", "0.028")),
    "caffenet": Source("42.6 %", 0.0027, 0.035, None, ("510 ms (GPU)", "50 ms (GPU)", DASH), (DASH, DASH)),
    "googlenet": Source("31.3 %", 0.0019, 0.047, None, ("800 ms (GPU)", "80 ms (GPU)", DASH), (DASH, DASH)),
}
TIMES_SMALLER, ABOVE_LBFGS = 3.5, 1.05
ORDER = ("lenet-mnist", "fc-500-150", "lenet-cifar", "nin")
"""From the most robust to the least, as in the paper."""


def judge(measured: Measured) -> tuple[Check, ...]:
    """DeepFool against FGSM, against L-BFGS and against the clock on every network, and the order of the networks."""
    checks = [check for name, row in measured["networks"].items() for check in _judge(name, row)]
    rhos = [measured["networks"][name]["rho"]["DeepFool"]["own"]["value"] for name in ORDER]
    checks.append(
        Check(
            f"DeepFool's ρ falls in the paper's order: {', '.join(ORDER)}",
            " > ".join(number(PAPER[name].deepfool) for name in ORDER),
            " , ".join(number(rho) for rho in rhos),
            all(one > other for one, other in pairwise(rhos)),
        )
    )
    checks += [
        Check(f"{name} is measured", _figure(name), missing, None) for name, missing in measured["missing"].items()
    ]
    return tuple(checks)


def _figure(name: str) -> str:
    return number(PAPER[name].deepfool) if name in PAPER else DASH


def _judge(name: str, row: dict[str, Any]) -> list[Check]:
    rho, spent, paper = row["rho"], row["seconds"], PAPER.get(name)
    ratio = rho["FGSM"]["pixels"]["value"] / rho["DeepFool"]["pixels"]["value"]
    pairs = rho["DeepFool, same images"]["pixels"]["value"] / rho["L-BFGS"]["pixels"]["value"]
    return [
        Check(
            f"{name}: DeepFool's ρ is at least {TIMES_SMALLER} times smaller than FGSM's",
            f"{paper.fgsm / paper.deepfool:.1f} times" if paper else DASH,
            f"{ratio:.2f} times",
            ratio >= TIMES_SMALLER,
        ),
        Check(
            f"{name}: DeepFool's ρ is at most {ABOVE_LBFGS} times that of L-BFGS on the same images",
            f"{paper.deepfool / paper.lbfgs:.2f} times" if paper and paper.lbfgs else DASH,
            f"{pairs:.3f} times, a sample {plain(row['pairs'])}",
            pairs <= ABOVE_LBFGS,
        ),
        Check(
            f"{name}: one DeepFool example takes longer than one of FGSM and less long than one of L-BFGS",
            ", ".join(paper.times) if paper else DASH,
            ", ".join(_time(spent[attack]) for attack in ("DeepFool", "FGSM", "L-BFGS")),
            spent["FGSM"] < spent["DeepFool"] < spent["L-BFGS"],
        ),
    ]


def tables(measured: Measured) -> tuple[Table, ...]:
    """Figure 4 with the paper's figures in brackets, ρ in the paper's own space, and the linf table."""
    rows = measured["networks"].items()
    return (
        Table(
            "Figure 4: test error, ρ = mean |r|₂/|x|₂, time a sample; the figures of the paper in square brackets",
            ("network", "test error", "attack", "ρ, own space", "ρ, pixels", "time"),
            tuple(cells for name, row in rows for cells in _figure_4(name, row)),
        ),
        Table(
            "ρ in linf, mean |r|∞/|x|∞ in pixels; Table 2 of the DeepFool paper in square brackets",
            ("network", "DeepFool", "FGSM", "ratio"),
            tuple(_linf(name, row) for name, row in rows),
        ),
    )


def _figure_4(name: str, row: dict[str, Any]) -> list[tuple[str, ...]]:
    paper = PAPER.get(name)
    theirs = (paper.deepfool, paper.fgsm, paper.lbfgs) if paper else (None,) * 3
    lines: list[tuple[str, ...]] = []
    for place, attack in enumerate(("DeepFool", "FGSM", "L-BFGS")):
        first = (name, f"{percent(row['error'])} [{paper.error if paper else DASH}]") if place == 0 else ("", "")
        rho, figure = row["rho"][attack], theirs[place]
        label = f"FGSM, ε = {number(row['eps'])}" if attack == "FGSM" else attack
        time = f"{_time(row['seconds'][attack])} [{paper.times[place] if paper else DASH}]"
        own = f"{plain(rho['own'])} [{DASH if figure is None else number(figure)}]"
        lines.append((*first, label, own, plain(rho["pixels"]), time))
    return lines


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def _linf(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    ours, paper = row["linf"], PAPER[name].linf if name in PAPER else (DASH, DASH)
    ratio = ours["FGSM"]["value"] / ours["DeepFool"]["value"]
    return (name, f"{plain(ours['DeepFool'])} [{paper[0]}]", f"{plain(ours['FGSM'])} [{paper[1]}]", f"{ratio:.2f}")


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """ρ of the three attacks beside the paper's."""
    names = list(measured["networks"])
    series = {
        attack: [measured["networks"][name]["rho"][attack]["own"]["value"] for name in names]
        for attack in ("DeepFool", "FGSM", "L-BFGS")
    }
    return (Picture("ρ of three attacks in the paper's own space, logarithmic.", bars(names, series, "ρ", log=True)),)
