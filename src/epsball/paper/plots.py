"""The few kinds of figure that rows are drawn as, in the colours of the page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from matplotlib.ticker import LogFormatter, PercentFormatter

from epsball.report.svg import ACCENT, GOOD, GRID, INK, MUTED, WARN, axes
from epsball.report.text import DASH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes

    from epsball.paper.experiment import Text
    from epsball.paper.rows import Rows

SIZE = (7.2, 3.3)
COLOURS = (ACCENT, WARN, GOOD, INK, MUTED)
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
LETTERS, BESIDE = 105, 6
"""As many letters of a legend stand in one line, and as many letters' room takes an entry's line beside its name."""
FEW = 16
"""As many points of a curve are marked."""

Series: TypeAlias = "Callable[[Rows], Mapping[str, Rows]]"
"""The rows of every curve or colour by its name."""


@dataclass(frozen=True)
class Lines:
    """Curves over one axis, with a band between the ends of the intervals where there are any.

    Args:
        caption: what is shown.
        curves: the rows of every curve.
        x: the column of rows on the horizontal axis.
        x_label: of the horizontal axis, with its unit.
        y_label: of the vertical axis.
        percent: whether y is a fraction, shown from 0 to 100 %.
        log: the axes with a logarithmic scale, "", "x", "y" or "xy".
        marks: heights of dashed lines across, by what they say.
    """

    caption: Text
    curves: Series
    x: str
    x_label: str
    y_label: str
    percent: bool = False
    log: str = ""
    marks: Mapping[str, float] = field(default_factory=dict)

    def draw(self, rows: Rows) -> Axes:
        """Return the plot."""
        plot, curves = axes(*SIZE, self.x_label, self.y_label), self.curves(rows)
        for place, (name, curve) in enumerate(curves.items()):
            colour, dash = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)]
            x, y, low, high = (curve.values(column) for column in (self.x, "value", "low", "high"))
            if low != high:
                plot.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            marker = "o" if len(curve) <= FEW else None
            plot.plot(x, y, color=colour, linestyle=dash, marker=marker, markersize=3.5, label=name)
        for text, height in self.marks.items():
            plot.axhline(height, color=WARN, linewidth=1, linestyle=DASHES[1])
            plot.annotate(
                text,
                (1, height),
                (-2, 3),
                ("axes fraction", "data"),
                "offset points",
                ha="right",
                color=WARN,
                fontsize=8,
            )
        for axis in ("x", "y"):
            if axis in self.log:
                _logarithmic(plot, axis)
        return _finished(plot, len(curves), percent=self.percent)


@dataclass(frozen=True)
class Bars:
    """A group of bars for every place, and in each a bar for every series.

    Args:
        caption: what is shown.
        series: the rows of every series, one for each group.
        groups: the column of rows that names their group.
        y_label: of the vertical axis.
        percent: whether heights are fractions, shown from 0 to 100 %.
        log: whether the vertical axis is logarithmic.
        scale: by what values are multiplied.
    """

    caption: Text
    series: Series
    groups: str
    y_label: str
    percent: bool = False
    log: bool = False
    scale: float = 1.0

    def draw(self, rows: Rows) -> Axes:
        """Return the plot."""
        plot, series = axes(*SIZE, "", self.y_label), self.series(rows)
        width, groups = 0.8 / len(series), _names(self.groups, series)
        for place, (name, bars) in enumerate(series.items()):
            middle = np.arange(len(groups)) + (place - (len(series) - 1) / 2) * width
            heights = [self.scale * value for value in bars.values()]
            plot.bar(middle, heights, width * 0.92, color=COLOURS[place % len(COLOURS)], linewidth=0, label=name)
        plot.set_xticks(range(len(groups)), groups)
        if self.log:
            _logarithmic(plot, "y")
        return _finished(plot, len(series), percent=self.percent)


@dataclass(frozen=True)
class Histograms:
    """Distributions over the same bins, as outlines.

    Args:
        caption: what is shown.
        series: the rows of every distribution.
        x_label: of the horizontal axis.
        bins: how many.
    """

    caption: Text
    series: Series
    x_label: str
    bins: int = 60

    def draw(self, rows: Rows) -> Axes:
        """Return the plot."""
        plot, series = axes(*SIZE, self.x_label, "fraction"), self.series(rows)
        values = {name: np.asarray(own.values(), float) for name, own in series.items()}
        edges = np.histogram_bin_edges(np.concatenate(list(values.values())), self.bins)
        for place, (name, own) in enumerate(values.items()):
            heights = np.histogram(own, edges)[0] / max(1, len(own))
            plot.stairs(heights, edges, color=COLOURS[place % len(COLOURS)], linewidth=1.6, label=name)
        plot.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        return _finished(plot, len(series))


@dataclass(frozen=True)
class Grid:
    """Fractions as shaded cells with their percentages, a dash where there is none.

    Args:
        caption: what is shown.
        series: the rows of every line of cells, from the top.
        columns: the column of rows that names theirs.
        y_label: of the lines.
        x_label: of the columns.
    """

    caption: Text
    series: Series
    columns: str
    y_label: str
    x_label: str

    def draw(self, rows: Rows) -> Axes:
        """Return the plot."""
        series = self.series(rows)
        plot = axes(SIZE[0], 0.8 + 0.42 * len(series), self.x_label, self.y_label)
        plot.grid(visible=False)
        table = [line.values() for line in series.values()]
        plot.imshow(np.asarray(table, float), cmap="Blues", vmin=0, vmax=1.4, aspect="auto")
        for line, cells in enumerate(table):
            for column, cell in enumerate(cells):
                text = DASH if math.isnan(cell) else f"{100 * cell:.0f} %"
                plot.annotate(text, (column, line), ha="center", va="center", color="#16191f", fontsize=8)
        names = _names(self.columns, series)
        plot.set_xticks(range(len(names)), names)
        plot.set_yticks(range(len(series)), list(series))
        return plot


@dataclass(frozen=True)
class Plane:
    """Fractions over a plane.

    Args:
        caption: what is shown.
        lines: the rows of every horizontal line, from the bottom; ε runs along it, and x from line to line.
        x_label: of the horizontal axis.
        y_label: of the vertical axis.
    """

    caption: Text
    lines: Callable[[Rows], Mapping[Any, Rows]]
    x_label: str
    y_label: str

    def draw(self, rows: Rows) -> Axes:
        """Return the plot."""
        plot, lines = axes(SIZE[0], 4.2, self.x_label, self.y_label), self.lines(rows)
        plot.grid(visible=False)
        along = next(iter(lines.values())).values("eps")
        image = plot.imshow(
            np.asarray([line.values() for line in lines.values()], float),
            cmap="Blues",
            vmin=0,
            vmax=1,
            origin="lower",
            aspect="auto",
            extent=(min(along), max(along), min(lines), max(lines)),
        )
        bar = plot.get_figure().colorbar(image, ax=plot, format=PercentFormatter(1, symbol=" %"))  # type: ignore[union-attr] # axes() gives them a figure
        bar.ax.tick_params(length=0, colors=MUTED, labelsize=8)
        bar.outline.set_edgecolor(GRID)
        return plot


def _names(column: str, series: Mapping[str, Rows]) -> list[str]:
    """What stands under the bars or cells of every series, in short lines; "clean" where no attack has a name."""
    names = next(iter(series.values())).values(column)
    return ["\n".join(wrap(name or "clean", 12, break_long_words=False, break_on_hyphens=False)) for name in names]


def _logarithmic(plot: Axes, axis: Literal["x", "y"]) -> None:
    """Decades are labelled, and what lies between them where there is one decade only."""
    (plot.set_xscale if axis == "x" else plot.set_yscale)("log")
    (plot.xaxis if axis == "x" else plot.yaxis).set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
    plot.tick_params(axis=axis, which="minor", length=0, colors=MUTED, labelsize=7)


def _finished(plot: Axes, entries: int, *, percent: bool = False) -> Axes:
    """With an axis from 0 to 100 % where y is a fraction, and a legend above the axes where there is more than one entry."""
    if percent:
        plot.set_ylim(0, 1.02)
        plot.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    if entries > 1:
        longest = max(len(name) for name in plot.get_legend_handles_labels()[1])
        columns = min(entries, max(1, LETTERS // (longest + BESIDE)))
        plot.figure.legend(loc="outside upper left", ncols=columns, frameon=False, fontsize=8, labelcolor=INK)
    return plot
