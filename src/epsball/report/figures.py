"""The pictures of a record: accuracy against ε, and how far the errors lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from epsball.display.text import NORMS
from epsball.record import metrics
from epsball.report.svg import ACCENT, BAND, GOOD, INK, OPEN, PROVED, WARN, axes
from epsball.report.target import left
from epsball.report.text import NO_BREAK, count, epsilon, number, percent, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from epsball.record import Evaluation

POINTS = 240
BINS = 32
CLOSED = 1e-9  # a bar holds its right end, rounding included: a success at ε stands left of ε
DASHES = (0, (3, 2))


def asks_how_close(run: Evaluation) -> bool:
    """Whether an attack of the run looks for the nearest error, so that distances beyond ε mean something."""
    return run.plan.minimum_norm


def horizon(run: Evaluation) -> float:
    """The largest ε worth drawing: a little past the threat's, and past almost every distance that was found."""
    found = run.upper[np.isfinite(run.upper)] if asks_how_close(run) else np.zeros(0)
    farthest = 1.05 * float(np.quantile(found, 0.98)) if found.size else 0.0
    return max(farthest, 0.0 if math.isinf(run.eps) else 1.25 * run.eps) or 1.0


@dataclass(frozen=True, eq=False)
class Readings:
    """The curve at some ε (k,): the fraction that stands, its 95 % interval, and the fraction that is proved."""

    eps: NDArray[np.float64]
    robust: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    certified: NDArray[np.float64]


def readings(run: Evaluation) -> Readings:
    """The curve from ε = 0 to where the run has measured it, the run's own ε among the points."""
    end, curve = horizon(run), metrics.curve(run)
    measured = end if asks_how_close(run) else min(end, run.eps)
    grid = np.linspace(0, measured, POINTS)
    if run.eps < measured:
        grid = np.union1d(grid, [run.eps])
    at = np.searchsorted(curve.eps, grid, side="right") - 1
    proved = bool(np.any(run.lower > 0))  # at ε = 0 a right answer needs no proof
    certified = np.array([run.certified_accuracy(float(eps)) if proved else 0.0 for eps in grid])
    return Readings(grid, curve.robust[at], curve.accuracy[at], *curve.bounds(at), certified)


def spoken(run: Evaluation, points: Readings) -> list[str]:
    """What a reader is told at each of the points."""
    steps = run.plan.threat.norm == "linf" and (run.plan.threat.low, run.plan.threat.high) == (0, 1)
    proved = bool(np.any(run.lower > 0))
    texts = []
    for eps, robust, accuracy, low, high, certified in zip(
        points.eps, points.robust, points.accuracy, points.low, points.high, points.certified, strict=True
    ):
        eighths = f" ({255 * eps:.1f}/255)" if steps else ""
        place = epsilon(run.plan.threat) if eps == run.eps else f"{number(float(eps))}{eighths}"
        text = f"ε = {place}: {percent(float(accuracy))}, {count(int(robust))} of {count(len(run))} {left(run.plan)}"
        text += f", 95{NO_BREAK}% interval {100 * low:.1f} to {percent(float(high))}"
        texts.append(f"{text}, proved {with_interval(float(certified), len(run))}" if proved else text)
    return texts


def accuracy_curve(run: Evaluation, points: Readings, width: float, height: float) -> Axes:
    """Fraction of samples without a known error within ε over what is proved, its 95 % interval, and the threat's ε."""
    end = horizon(run)
    plot = axes(width, height, f"ε ({NORMS[run.plan.threat.norm]}, data units)", left(run.plan))
    plot.fill_between(points.eps, points.certified, points.accuracy, step="post", color=OPEN, linewidth=0)
    plot.fill_between(points.eps, 0, points.certified, step="post", color=PROVED, linewidth=0)
    plot.fill_between(points.eps, points.low, points.high, step="post", color=BAND, linewidth=0)
    plot.step(points.eps, points.accuracy, where="post", color=ACCENT, linewidth=1.8)
    if np.any(run.lower > 0):
        plot.step(points.eps, points.certified, where="post", color=GOOD, linewidth=1.4, linestyle=DASHES)
    if math.isfinite(run.eps):
        _mark(plot, run.eps, f"ε = {epsilon(run.plan.threat)}")
        plot.plot([run.eps], [run.robust_accuracy()], "o", color=ACCENT, markersize=5)
    plot.set_xlim(0, end)
    plot.set_ylim(0, 1.02)
    plot.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    plot.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    return plot


def _mark(plot: Axes, eps: float, text: str) -> None:
    plot.axvline(eps, color=WARN, linewidth=1, linestyle=DASHES)
    plot.annotate(text, (eps, 1), (4, -2), textcoords="offset points", va="top", color=WARN, fontsize=8)


def edges_of(end: float, eps: float) -> NDArray[np.float64]:
    """Where the bars of a histogram begin and end; one of them ends at ε, and the last holds all beyond `end`."""
    width = end / BINS if math.isinf(eps) or eps == 0 else eps / max(1, round(BINS * eps / end))
    return np.asarray(np.arange(0, end + width, width))


def tally(distances: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many distances lie in each bar."""
    ordered = np.sort(np.minimum(distances, edges[-1]))
    return np.asarray(np.diff(np.searchsorted(ordered, edges * (1 + CLOSED), side="right")), np.int64)


def distance_histogram(
    distances: NDArray[np.float64], edges: NDArray[np.float64], eps: float, size: tuple[float, float]
) -> tuple[Axes, dict[str, str]]:
    """How far the errors lie that one attack found, and what is said of each bar, by the bar's id."""
    plot = axes(*size, "distance (data units)", "images")
    counts = tally(distances, edges)
    drawn = plot.bar(edges[:-1], counts, width=np.diff(edges) * 0.9, align="edge", color=ACCENT, linewidth=0)
    titles = {}
    for index, (bar, times) in enumerate(zip(drawn, counts.tolist(), strict=True)):
        bar.set_gid(f"bar{index}")
        first, last = number(float(edges[index])), number(float(edges[index + 1]))
        until = f"more than {first}" if index == len(counts) - 1 else f"{first} to {last}"
        titles[f"bar{index}"] = f"{until}: {count(times)} image{'s' * (times != 1)}"
    if eps <= edges[-1]:
        plot.axvline(eps, color=WARN, linewidth=1, linestyle=DASHES)
    plot.axvline(float(np.median(distances)), color=INK, linewidth=1)
    plot.set_xlim(0, edges[-1] * 1.02)
    plot.set_ylim(0, max(1.0, float(counts.max()) * 1.08))
    plot.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    plot.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    return plot, titles
