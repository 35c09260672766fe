"""The pictures of a comparison: all curves in one figure, and how far each run lies from the first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from epsball.comparison.words import points as in_points
from epsball.display.text import NORMS, budget
from epsball.record import metrics
from epsball.report.figures import DASHES, POINTS, asks_how_close, horizon
from epsball.report.svg import ACCENT, GOOD, GRID, INK, MUTED, VARIABLES, WARN, axes
from epsball.report.target import left
from epsball.report.text import NO_BREAK, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from epsball.comparison.comparison import Comparison, Side

DOTS = (0, (1, 1.5))
STYLES = tuple(
    (colour, dashes, css)
    for dashes, css in (("-", "solid"), (DASHES, "dashed"), (DOTS, "dotted"))
    for colour in (INK, ACCENT, GOOD, WARN)
)
"""How the runs are told apart, in their order: by colour, and from the fifth on by dashes too."""
FAINT = 0.14
FEW = 3
"""Runs up to which the intervals are drawn, and said."""
ROW = 0.34
"""Height of a run in the picture of differences, in inches."""


@dataclass(frozen=True, eq=False)
class Line:
    """The curve of a run where it was measured: accuracy and its pointwise 95 % interval at each ε (k,)."""

    name: str
    eps: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def grid(comparison: Comparison) -> NDArray[np.float64]:
    """The ε (k,) at which the curves are read, that of the comparison among them."""
    end = max(_measured(side) for side in comparison.sides)
    return np.union1d(np.linspace(0, end, POINTS), [comparison.eps] if comparison.eps <= end else [])


def _measured(side: Side) -> float:
    run = side.run
    return horizon(run) if asks_how_close(run) else min(horizon(run), run.eps)


def lines(comparison: Comparison) -> list[Line]:
    """The curve of every run, as far as it was measured."""
    found, every = [], grid(comparison)
    for side in comparison.sides:
        curve, eps = metrics.curve(side.run), every[every <= _measured(side)]
        at = np.searchsorted(curve.eps, eps, side="right") - 1
        found.append(Line(side.name, eps, curve.accuracy[at], *curve.bounds(at)))
    return found


def spoken(comparison: Comparison, drawn: list[Line]) -> list[str]:
    """What a reader is told at each ε, a line for every run."""
    few, texts = len(drawn) <= FEW, []
    for at, eps in enumerate(grid(comparison).tolist()):
        said = [f"ε = {budget(eps) if eps == comparison.eps else number(eps)}"]
        for each in drawn:
            if at >= len(each.eps):
                said.append(f"{each.name}: not searched")
                continue
            interval = f" ({100 * each.low[at]:.1f} to {percent(float(each.high[at]))})" if few else ""
            said.append(f"{each.name}: {percent(float(each.accuracy[at]))}{interval}")
        texts.append("\n".join(said))
    return texts


def legend(comparison: Comparison) -> list[dict[str, str]]:
    """How each run is drawn, as CSS."""
    return [
        {"name": side.name, "colour": f"var(--{VARIABLES[colour]})", "line": css}
        for side, (colour, _, css) in zip(comparison.sides, _styles(len(comparison.sides)), strict=True)
    ]


def _styles(runs: int) -> list[tuple[str, str | tuple[int, tuple[float, ...]], str]]:
    return [STYLES[at % len(STYLES)] for at in range(runs)]


def curves(comparison: Comparison, drawn: list[Line], width: float, height: float) -> Axes:
    """Accuracy against ε of all runs, the ε of the comparison, and the intervals where the runs are few."""
    plan = comparison.baseline.run.plan
    plot = axes(width, height, f"ε ({NORMS[plan.threat.norm]}, data units)", left(plan))
    for each, (colour, dashes, _) in zip(drawn, _styles(len(drawn)), strict=True):
        if len(drawn) <= FEW:
            plot.fill_between(each.eps, each.low, each.high, step="post", color=colour, alpha=FAINT, linewidth=0)
        plot.step(each.eps, each.accuracy, where="post", color=colour, linewidth=1.8, linestyle=dashes)
    plot.axvline(comparison.eps, color=MUTED, linewidth=1, linestyle=DASHES)
    plot.annotate(
        f"ε = {budget(comparison.eps)}",
        (comparison.eps, 1),
        (4, -2),
        textcoords="offset points",
        va="top",
        color=MUTED,
        fontsize=8,
    )
    plot.set_xlim(0, max(horizon(side.run) for side in comparison.sides))
    plot.set_ylim(0, 1.02)
    plot.yaxis.set_major_formatter(PercentFormatter(1, symbol=f"{NO_BREAK}%"))
    plot.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    return plot


def differences(comparison: Comparison, width: float) -> Axes:
    """The difference of each run from the first with its 95 % interval, and the line where there is none."""
    count = len(comparison.differences)
    plot = axes(width, 0.75 + ROW * count, f"points against {_short(comparison.baseline.name)}", "")
    plot.grid(visible=False, axis="y")
    plot.grid(axis="x", color=GRID, linewidth=0.6)
    plot.axvline(0, color=INK, linewidth=1)
    farthest = 0.01
    for place, each in enumerate(comparison.differences):
        low, high = each.robust.interval()
        colour = WARN if each.clear and high < 0 else GOOD if each.clear and low > 0 else ACCENT
        plot.plot([low, high], [place, place], color=colour, linewidth=2)
        plot.plot([each.robust.difference], [place], "o", color=colour, markersize=6)
        farthest = max(farthest, abs(low), abs(high))
    plot.set_yticks(range(count), [_short(each.name) for each in comparison.differences])
    plot.set_ylim(count - 0.4, -0.6)
    plot.set_xlim(-1.1 * farthest, 1.1 * farthest)
    plot.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: in_points(value).removesuffix(".0")))
    return plot


def _short(name: str, most: int = 24) -> str:
    """The end of a long name, where folders differ."""
    return name if len(name) <= most else f"…{name[1 - most :]}"


def start(comparison: Comparison) -> int:
    """Where a reader of the curves begins: at the ε of the comparison."""
    every = grid(comparison)
    return min(int(np.searchsorted(every, comparison.eps)), len(every) - 1) if math.isfinite(comparison.eps) else 0
