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
ATTACKS = ("DeepFool", "FGSM", "L-BFGS")
TIMES_SMALLER, ABOVE_LBFGS = 3.5, 1.05
RATIOS = (("FGSM", "DeepFool"), ("DeepFool, same images", "L-BFGS"), ("DeepFool, same images", "L-BFGS to a target"))
ORDER = ("lenet-mnist", "fc-500-150", "lenet-cifar", "nin")
"""From the most robust to the least, as in the paper."""


def judge(measured: Measured) -> tuple[Check, ...]:
    """DeepFool against FGSM, against L-BFGS and against the clock on every network, and the order of the networks."""
    checks = [check for name, row in measured["networks"].items() for check in _judge(name, row)]
    rhos = [measured["networks"][name]["rho"]["own"]["DeepFool"]["value"] for name in ORDER]
    checks.append(
        Check(
            f"DeepFool's ρ falls in the paper's order: {', '.join(ORDER)}",
            " > ".join(number(PAPER[name].deepfool) for name in ORDER),
            ", ".join(number(rho) for rho in rhos),
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
    spent, paper = row["seconds"], PAPER.get(name)
    theirs = f"{paper.deepfool / paper.lbfgs:.2f} times" if paper and paper.lbfgs else DASH
    fgsm, lbfgs, targeted = (_ratios(row, *pair) for pair in RATIOS)
    return [
        Check(
            f"{name}: DeepFool's ρ is at least {TIMES_SMALLER} times smaller than FGSM's, in the paper's own space",
            f"{paper.fgsm / paper.deepfool:.1f} times" if paper else DASH,
            _both(fgsm),
            fgsm["own"] >= TIMES_SMALLER,
        ),
        Check(
            f"{name}: there it is at most {ABOVE_LBFGS} times that of L-BFGS to a label drawn at random, on the same images",
            theirs,
            _both(targeted),
            targeted["own"] <= ABOVE_LBFGS,
        ),
        Check(
            f"{name}: there it is at most {ABOVE_LBFGS} times that of L-BFGS to any label, on the same images",
            theirs,
            f"{_both(lbfgs)}; a sample {plain(row['rho']['own']['pairs'])}",
            lbfgs["own"] <= ABOVE_LBFGS,
        ),
        Check(
            f"{name}: one DeepFool example takes longer than one of FGSM and less long than one of L-BFGS",
            ", ".join(paper.times) if paper else DASH,
            ", ".join(_time(spent[attack]) for attack in ATTACKS),
            spent["FGSM"] < spent["DeepFool"] < spent["L-BFGS"],
        ),
    ]


def _ratios(row: dict[str, Any], above: str, below: str) -> dict[str, float]:
    """One attack's ρ by another's, in both spaces."""
    return {space: rho[above]["value"] / rho[below]["value"] for space, rho in row["rho"].items()}


def _both(ratios: dict[str, float]) -> str:
    return f"{ratios['own']:.2f} times ({ratios['pixels']:.2f} in pixels)"


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
            "FGSM's ε, the smallest that fools 90 % of the images",
            ("network", "own space", "its ε there", "ε in pixels"),
            tuple(
                (name, row["space"], *(number(row["rho"][space]["eps"]) for space in ("own", "pixels")))
                for name, row in rows
            ),
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
    own, near = row["rho"]["own"], row["rho"]["pixels"]
    lines: list[tuple[str, ...]] = []
    for place, attack in enumerate(ATTACKS):
        first = (name, f"{percent(row['error'])} [{paper.error if paper else DASH}]") if place == 0 else ("", "")
        source = theirs[place]
        figure = DASH if source is None else number(source)
        time = f"{_time(row['seconds'][attack])} [{paper.times[place] if paper else DASH}]"
        lines.append((*first, attack, f"{plain(own[attack])} [{figure}]", plain(near[attack]), time))
    target = "L-BFGS to a target"
    return [*lines, ("", "", target, f"{plain(own[target])} [{figure}]", plain(near[target]), DASH)]


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
        attack: [measured["networks"][name]["rho"]["own"][attack]["value"] for name in names] for attack in ATTACKS
    }
    return (Picture("ρ of three attacks in the paper's own space, logarithmic.", bars(names, series, "ρ", log=True)),)
