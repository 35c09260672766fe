"""Figures that belong to no window: a notebook shows them as the value of a cell, `figure.savefig` writes them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from epsball.display.difference import pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

ACCENT, GOOD, WARN = "#2456c9", "#1a7f4b", "#b45309"
SHARPNESS = 2
"""Pixels of the picture for one of the page."""
TIMES = "\N{MULTIPLICATION SIGN}"
DASHES = (0, (3, 2))
SIDE, TITLES = 2.0, 0.42
"""Inches of a picture, and of the lines above it."""


class Picture(Figure):
    """A figure that shows itself in a notebook without pyplot, which would keep it for as long as the process lives."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=SHARPNESS * self.dpi)
        width, height = (round(inches * self.dpi) for inches in self.get_size_inches())
        return stream.getvalue(), {"width": width, "height": height}


@dataclass(frozen=True, eq=False)
class Curves:
    """Accuracy against ε, all `(k,)` over the same values of ε.

    `upper` is the fraction for which no error was found, `interval` its 95 % interval, `lower` the fraction for which none exists.
    """

    eps: NDArray[np.float64]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    interval: tuple[NDArray[np.float64], NDArray[np.float64]]


def accuracy(curves: Curves, budget: float, x_label: str, axes: Axes | None = None, label: str | None = None) -> Figure:
    """The band in which the accuracy lies: from what is proved to what no attack refuted.

    Args:
        curves: what is drawn.
        budget: the ε of the run, marked with a line; infinite for none.
        x_label: what ε is.
        axes: draw into these, with `label` in their legend, as where several runs stand in one figure; one of its own when left out.
        label: of the upper curve.
    """
    plot = axes if axes is not None else Picture(figsize=(6, 3.6), layout="constrained").add_subplot()
    (drawn,) = plot.step(curves.eps, curves.upper, where="post", label=label or "no error found: at most")
    colour, interval = drawn.get_color(), "its 95 % interval" if axes is None and label is None else None
    plot.fill_between(curves.eps, *curves.interval, step="post", color=colour, alpha=0.2, linewidth=0, label=interval)
    if (curves.lower[1:] > 0).any():
        plot.step(curves.eps, curves.lower, where="post", color=colour, linestyle=DASHES, label="proved: at least")
    plot.fill_between(curves.eps, curves.lower, curves.upper, step="post", color=colour, alpha=0.07, linewidth=0)
    if budget < curves.eps[-1] or budget == curves.eps[-1]:
        plot.axvline(budget, color=WARN, linewidth=1, linestyle=DASHES)
    if axes is None:
        plot.set_xlim(0, curves.eps[-1])
        plot.set_ylim(0, 1.02)
        plot.set_xlabel(x_label)
        plot.set_ylabel("accuracy")
        plot.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        plot.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        plot.spines[["top", "right"]].set_visible(False)
    plot.legend(frameon=False, fontsize="small")
    return plot.figure if isinstance(plot.figure, Figure) else plot.figure.figure


@dataclass(frozen=True, eq=False)
class Sample:
    """One row of pictures, (C, H, W) each, and what stands above them."""

    original: NDArray[Any]
    adversarial: NDArray[Any]
    before: str
    after: str
    distance: str


def triptychs(samples: Sequence[Sample], low: float, high: float) -> Figure:
    """Original, amplified difference and adversarial picture of each sample, a row each; pixels run from `low` to `high`."""
    figure = Picture(figsize=(3 * SIDE, len(samples) * (SIDE + TITLES)), layout="constrained")
    grid = figure.subplots(len(samples), 3, squeeze=False)
    for row, sample in zip(grid, samples, strict=True):
        *pictures, factor = pixels(sample.original, sample.adversarial, low, high)
        titles = (sample.before, f"difference {TIMES} {factor:,}\n{sample.distance}", sample.after)
        for axes, picture, title in zip(row, pictures, titles, strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(title, fontsize="small")
            axes.set_axis_off()
    return figure
