"""The pictures of a record: accuracy against ε, and how far the errors lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from epsball.record import metrics
from epsball.report.svg import ACCENT, BAND, GOOD, INK, WARN, axes
from epsball.report.target import left
from epsball.report.text import NORMS, number

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


def accuracy_curve(run: Evaluation, width: float, height: float) -> Axes:
    """Fraction of samples without a known error within ε, its 95 % interval, and the threat's ε."""
    end, curve = horizon(run), metrics.curve(run)
    measured = end if asks_how_close(run) else min(end, run.eps)
    grid = np.linspace(0, measured, POINTS)
    if run.eps < measured:
        grid = np.union1d(grid, [run.eps])
    at = np.searchsorted(curve.eps, grid, side="right") - 1
    plot = axes(width, height, f"ε ({NORMS[run.plan.threat.norm]}, data units)", left(run.plan))
    plot.fill_between(grid, *curve.bounds(at), step="post", color=BAND, linewidth=0)
    plot.step(grid, curve.accuracy[at], where="post", color=ACCENT, linewidth=1.8)
    if np.any(run.lower > 0):
        certified = [run.certified_accuracy(float(eps)) for eps in grid]
        plot.step(grid, certified, where="post", color=GOOD, linewidth=1.4, linestyle=DASHES)
    if math.isfinite(run.eps):
        _mark(plot, run.eps, f"ε = {number(run.eps)}")
        plot.plot([run.eps], [run.robust_accuracy()], "o", color=ACCENT, markersize=5)
    plot.set_xlim(0, end)
    plot.set_ylim(0, 1.02)
    plot.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    plot.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    return plot


def _mark(plot: Axes, eps: float, text: str) -> None:
    plot.axvline(eps, color=WARN, linewidth=1, linestyle=DASHES)
    plot.annotate(text, (eps, 1), (4, -2), textcoords="offset points", va="top", color=WARN, fontsize=8)


def distance_histogram(distances: NDArray[np.float64], end: float, eps: float, size: tuple[float, float]) -> Axes:
    """How far the errors lie that one attack found; a bar ends at ε, and the last holds all beyond `end`."""
    plot = axes(*size, "distance (data units)", "samples")
    width = end / BINS if math.isinf(eps) or eps == 0 else eps / max(1, round(BINS * eps / end))
    edges = np.arange(0, end + width, width)
    ordered = np.sort(np.minimum(distances, edges[-1]))
    counts = np.diff(np.searchsorted(ordered, edges * (1 + CLOSED), side="right"))
    plot.bar(edges[:-1], counts, width=width * 0.9, align="edge", color=ACCENT, linewidth=0)
    if eps <= end:
        plot.axvline(eps, color=WARN, linewidth=1, linestyle=DASHES)
    if distances.size:
        plot.axvline(float(np.median(distances)), color=INK, linewidth=1)
    plot.set_xlim(0, edges[-1] * 1.02)
    plot.set_ylim(0, max(1.0, float(counts.max()) * 1.08))
    plot.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    plot.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    return plot
