"""The few kinds of plot that experiments are drawn with, in the colours of the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.ticker import LogFormatter, PercentFormatter

from epsball.report.svg import ACCENT, GOOD, GRID, INK, MUTED, WARN, axes
from epsball.report.text import DASH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

SIZE = (7.2, 3.3)
COLOURS = (ACCENT, WARN, GOOD, INK, MUTED)
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))


@dataclass(frozen=True)
class Line:
    """One curve; `low` and `high` are the ends of its interval, drawn as a band."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def lines(
    curves: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    percent: bool = False,
    log: str = "",
    marks: Mapping[str, float] | None = None,
) -> Axes:
    """Draw curves over one axis.

    Args:
        curves: what is drawn.
        x_label: of the horizontal axis, with its unit.
        y_label: of the vertical axis.
        percent: whether y is a share, shown from 0 to 100 %.
        log: the axes with a logarithmic scale, "", "x", "y" or "xy".
        marks: heights of dashed lines across, by what they say.
    """
    plot = axes(*SIZE, x_label, y_label)
    for place, curve in enumerate(curves):
        colour, dash = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)]
        if curve.low is not None and curve.high is not None:
            plot.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
        marker = "o" if len(curve.x) <= 16 else None  # noqa: PLR2004 few points are marked
        plot.plot(curve.x, curve.y, color=colour, linestyle=dash, marker=marker, markersize=3.5, label=curve.name)
    for text, height in (marks or {}).items():
        plot.axhline(height, color=WARN, linewidth=1, linestyle=DASHES[1])
        plot.annotate(
            text, (1, height), (-2, 3), ("axes fraction", "data"), "offset points", ha="right", color=WARN, fontsize=8
        )
    for axis in ("x", "y"):
        if axis in log:
            _logarithmic(plot, axis)
    if percent:
        plot.set_ylim(0, 1.02)
        plot.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    return _legend(plot, len(curves))


def bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    y_label: str,
    *,
    percent: bool = False,
    log: bool = False,
) -> Axes:
    """Draw one group of bars a name, one bar a series."""
    plot = axes(*SIZE, "", y_label)
    width = 0.8 / len(series)
    for place, (name, heights) in enumerate(series.items()):
        middle = np.arange(len(groups)) + (place - (len(series) - 1) / 2) * width
        plot.bar(middle, heights, width * 0.92, color=COLOURS[place % len(COLOURS)], linewidth=0, label=name)
    plot.set_xticks(range(len(groups)), groups)
    if log:
        _logarithmic(plot, "y")
    if percent:
        plot.set_ylim(0, 1.02)
        plot.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    return _legend(plot, len(series))


def histograms(values: Mapping[str, Sequence[float]], x_label: str, bins: int = 60) -> Axes:
    """Draw distributions over the same bins, as outlines."""
    plot = axes(*SIZE, x_label, "share")
    edges = np.histogram_bin_edges(np.concatenate([np.asarray(v, float) for v in values.values()]), bins)
    for place, (name, own) in enumerate(values.items()):
        heights = np.histogram(own, edges)[0] / max(1, len(own))
        plot.stairs(heights, edges, color=COLOURS[place % len(COLOURS)], linewidth=1.6, label=name)
    plot.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    return _legend(plot, len(values))


def grid(
    table: Sequence[Sequence[float]], rows: Sequence[str], columns: Sequence[str], row_label: str, label: str
) -> Axes:
    """Draw a table of shares as shaded cells with their percentages, a dash where there is none."""
    plot = axes(SIZE[0], 0.8 + 0.42 * len(rows), label, row_label)
    plot.grid(visible=False)
    plot.imshow(np.asarray(table, float), cmap="Blues", vmin=0, vmax=1.4, aspect="auto")
    for row, cells in enumerate(table):
        for column, cell in enumerate(cells):
            text = DASH if math.isnan(cell) else f"{100 * cell:.0f} %"
            plot.annotate(text, (column, row), ha="center", va="center", color="#16191f", fontsize=8)
    plot.set_xticks(range(len(columns)), columns)
    plot.set_yticks(range(len(rows)), rows)
    return plot


def plane(
    table: Sequence[Sequence[float]], extent: tuple[float, float, float, float], x_label: str, y_label: str
) -> Axes:
    """Draw shares over a plane: the lower left corner is the first row and column; `extent` is left, right, bottom, top."""
    plot = axes(SIZE[0], 4.2, x_label, y_label)
    plot.grid(visible=False)
    image = plot.imshow(
        np.asarray(table, float), cmap="Blues", vmin=0, vmax=1, origin="lower", extent=extent, aspect="auto"
    )
    bar = plot.get_figure().colorbar(image, ax=plot, format=PercentFormatter(1, symbol=" %"))  # type: ignore[union-attr] # axes() gives them a figure
    bar.ax.tick_params(length=0, colors=MUTED, labelsize=8)
    bar.outline.set_edgecolor(GRID)
    return plot


def _logarithmic(plot: Axes, axis: Literal["x", "y"]) -> None:
    """Decades are labelled, and what lies between them where there is one decade only."""
    (plot.set_xscale if axis == "x" else plot.set_yscale)("log")
    (plot.xaxis if axis == "x" else plot.yaxis).set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
    plot.tick_params(axis=axis, which="minor", length=0, colors=MUTED, labelsize=7)


def _legend(plot: Axes, entries: int) -> Axes:
    if entries > 1:
        plot.legend(frameon=False, fontsize=8, labelcolor=INK)
    return plot
