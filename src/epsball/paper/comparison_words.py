"""What the measurements of E6 say: judgement, tables and plots beside the paper's."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

from epsball.paper.experiment import Check, Measured, Picture, Table
from epsball.paper.figure import percent, plain
from epsball.paper.plots import bars
from epsball.report.text import DASH, number


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
ATTACKS = ("DeepFool", "FGSM", "L-BFGS to a target")
"""Those of the paper's figure."""

ROWS = ("DeepFool", "FGSM", "DeepFool, same images", "L-BFGS", "L-BFGS to a target")
LINF = ATTACKS[:2]
TIMES_SMALLER, ABOVE_LBFGS, FOUND = 3.5, 1.05, 0.9
RATIOS = (("FGSM", "DeepFool"), ("DeepFool, same images", "L-BFGS"), ("DeepFool, same images", "L-BFGS to a target"))
ORDER = ("lenet-mnist", "fc-500-150", "lenet-cifar", "nin")
"""From the most robust to the least, as in the paper."""


def judge(measured: Measured) -> tuple[Check, ...]:
    """DeepFool against FGSM, against L-BFGS and against the clock on every network, and the order of the networks."""
    checks = [check for name, row in measured["networks"].items() for check in _judge(name, row)]
    rhos = [measured["networks"][name]["rho"]["own"]["DeepFool"] for name in ORDER]
    checks.append(
        Check(
            f"DeepFool's ρ falls in the paper's order, intervals of neighbours apart: {', '.join(ORDER)}",
            " > ".join(number(PAPER[name].deepfool) for name in ORDER),
            ", ".join(map(plain, rhos)),
            all(one and other and one["low"] > other["high"] for one, other in pairwise(rhos)),
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
    return [
        _ratio(
            f"{name}: DeepFool's ρ is at least {TIMES_SMALLER} times smaller than FGSM's, in the paper's own space",
            f"{paper.fgsm / paper.deepfool:.1f} times" if paper else DASH,
            row,
            RATIOS[0],
        ),
        _ratio(
            f"{name}: there it is at most {ABOVE_LBFGS} times that of L-BFGS to a label drawn at random, on the same images",
            f"{paper.deepfool / paper.lbfgs:.2f} times" if paper and paper.lbfgs else DASH,
            row,
            RATIOS[2],
        ),
        _ratio(
            f"{name}: there it is at most {ABOVE_LBFGS} times that of L-BFGS to any label, on the same images",
            DASH,
            row,
            RATIOS[1],
        ),
        Check(
            f"{name}: one DeepFool example takes longer than one of FGSM and less long than one of L-BFGS, to a target or to any label",
            ", ".join(paper.times) if paper else DASH,
            ", ".join(_time(spent[attack]) for attack in (*ATTACKS, "L-BFGS")),
            spent["FGSM"] < spent["DeepFool"] < min(spent["L-BFGS"], spent["L-BFGS to a target"]),
        ),
    ]


def _ratio(statement: str, paper: str, row: dict[str, Any], pair: tuple[str, str]) -> Check:
    """One attack's ρ by another's in both spaces; an attack that finds little has shown only its easiest images."""
    ratios, above = {space: _over(rho, *pair) for space, rho in row["rho"].items()}, pair[0] == "FGSM"
    found = {attack: row["success"][attack] for attack in pair if attack in row["success"]}
    poor = [f"{attack} finds only {percent(it)}" for attack, it in found.items() if not it or it["value"] < FOUND]
    own = ratios["own"]
    near = own is not None and (own >= TIMES_SMALLER if above else own <= ABOVE_LBFGS)
    text = f"{_times(own)} ({_times(ratios['pixels'])} in pixels)"
    if pair[1] == "L-BFGS" and own is not None:
        text += f"; a sample {plain(row['rho']['own']['pairs'])}"
    return Check(f"{statement}; found on at least {FOUND:.0%}", paper, "; ".join((text, *poor)), near and not poor)


def _over(rhos: dict[str, Any], above: str, below: str) -> float | None:
    """One attack's ρ by another's; None where one of them found nothing."""
    return rhos[above]["value"] / rhos[below]["value"] if rhos[above] and rhos[below] else None


def _times(ratio: float | None) -> str:
    return DASH if ratio is None else f"{ratio:.2f} times"


def tables(measured: Measured) -> tuple[Table, ...]:
    """Figure 4 with the paper's figures in brackets, FGSM's ε, and the linf table."""
    rows = measured["networks"].items()
    return (
        Table(
            "Figure 4: test error, share of the correctly classified images on which the attack found an error, ρ = mean |r|₂/|x|₂ "
            "over n of them, time a sample; the figures of the paper in square brackets",
            ("network", "test error", "attack", "found", "n", "ρ, own space", "ρ, pixels", "time"),
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
            "ρ in linf, mean |r|∞/|x|∞; Table 2 of the DeepFool paper in square brackets",
            ("network", *(f"{attack}, {space}" for space in ("own space", "pixels") for attack in (*LINF, "ratio"))),
            tuple(_linf(name, row) for name, row in rows),
        ),
    )


def _figure_4(name: str, row: dict[str, Any]) -> list[tuple[str, ...]]:
    paper, own, near = PAPER.get(name), row["rho"]["own"], row["rho"]["pixels"]
    figures = dict(zip(ATTACKS, (paper.deepfool, paper.fgsm, paper.lbfgs) if paper else (None,) * 3, strict=True))
    times = dict(zip(ATTACKS, paper.times if paper else (DASH,) * 3, strict=True))
    lines: list[tuple[str, ...]] = []
    for attack in ROWS:
        first = (name, f"{percent(row['error'])} [{paper.error if paper else DASH}]") if not lines else ("", "")
        figure, spent = figures.get(attack), row["seconds"].get(attack)
        theirs = f" [{DASH if figure is None else number(figure)}]" if attack in figures else ""
        clock = f" [{times[attack]}]" if attack in times else ""
        found = percent(row["success"][attack]) if attack in row["success"] else DASH
        n = str(own[attack]["n"]) if own[attack] else "0"
        time = DASH if spent is None else f"{_time(spent)}{clock}"
        lines.append((*first, attack, found, n, f"{plain(own[attack])}{theirs}", plain(near[attack]), time))
    return lines


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def _linf(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    own, near = row["linf"]["own"], row["linf"]["pixels"]
    theirs = zip(LINF, PAPER[name].linf if name in PAPER else (DASH, DASH), strict=True)
    ratios = (_over(space, "FGSM", "DeepFool") for space in (own, near))
    first, second = (DASH if ratio is None else f"{ratio:.2f}" for ratio in ratios)
    brackets = (f"{plain(own[attack])} [{figure}]" for attack, figure in theirs)
    return (name, *brackets, first, *(plain(near[attack]) for attack in LINF), second)


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """ρ of the attacks, network by network."""
    networks = measured["networks"]
    series = {
        attack: [rho["value"] if (rho := row["rho"]["own"][attack]) else math.nan for row in networks.values()]
        for attack in ROWS
    }
    caption = (
        "Our ρ by every attack in the paper's own space, logarithmic; L-BFGS on fewer images, DeepFool on these too."
    )
    return (Picture(caption, bars(list(networks), series, "ρ", log=True)),)
