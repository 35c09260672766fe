"""A matplotlib figure as an inline SVG that takes its colours from the page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

INK, MUTED, GRID = "#010101", "#020202", "#030303"
ACCENT, BAND, WARN, GOOD = "#040404", "#050505", "#060606", "#070707"
OPEN, PROVED = "#080808", "#090909"
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "line",
    ACCENT: "accent",
    BAND: "band",
    WARN: "warn",
    GOOD: "good",
    OPEN: "open",
    PROVED: "good-soft",
}
NO_METADATA: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def axes(width: float, height: float, x_label: str, y_label: str) -> Axes:
    """Empty axes in the page's style on a figure of their own; `width` and `height` in inches."""
    plot = Figure(figsize=(width, height), layout="constrained", facecolor="none").add_subplot(facecolor="none")
    plot.set_axisbelow(True)
    plot.grid(axis="y", color=GRID, linewidth=0.6)
    plot.spines[["top", "right", "left"]].set_visible(False)
    plot.spines["bottom"].set_color(GRID)
    plot.tick_params(length=0, colors=MUTED, labelsize=8)
    plot.tick_params(axis="x", pad=6)
    plot.set_xlabel(x_label, color=MUTED, fontsize=8.5)
    plot.set_ylabel(y_label, color=MUTED, fontsize=8.5)
    return plot


def place(plot: Axes, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where points of the axes stand in the picture that `inline` has drawn, in hundredths of its sides, from the upper left."""
    at = plot.figure.transFigure.inverted().transform(plot.transData.transform(points))
    return [(round(100 * float(x), 2), round(100 - 100 * float(y), 2)) for x, y in at]


def inline(plot: Axes, name: str, caption: str, titles: Mapping[str, str] | None = None) -> Markup:
    """The figure as ``<svg>``; `name` makes its ids unique on the page, `caption` is what a screen reader says.

    `titles` are what a mouse is told over the parts of these ids (`set_gid`).

    The marker colours above become CSS variables, so one picture serves the light page, the dark page and paper.
    Ids are numbered in order, so the same record gives the same bytes.
    """
    figure = plot.figure
    if not isinstance(figure, Figure):
        raise TypeError(f"the axes belong to a {type(figure).__name__}, expected a figure of their own")
    stream = io.StringIO()
    FigureCanvasSVG(figure).print_figure(stream, format="svg", facecolor="none", metadata=NO_METADATA)
    text = re.sub(r"<metadata>.*?</metadata>", "", stream.getvalue(), flags=re.DOTALL)
    for part, title in (titles or {}).items():
        text = text.replace(f'<g id="{part}">', f'<g id="{part}"><title>{escape(title)}</title>', 1)
    ids = {old: f"{name}-{index}" for index, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', text)))}
    text = re.sub(r'(\bid="|href="#|url\(#)([^")]+)', lambda found: found[1] + ids.get(found[2], found[2]), text)
    text = re.sub("#(0[1-9])\\1\\1", lambda found: f"var(--{VARIABLES[found[0]]})", text)
    box = re.search(r'viewBox="([^"]+)"', text)
    body = text[text.index(">", text.index("<svg")) + 1 :]
    head = Markup('<svg viewBox="{}" role="img" aria-label="{}">').format(box[1] if box else "", escape(caption))
    return head + Markup(body)  # noqa: S704 - drawn by matplotlib, which escapes what it draws


LIGHT = {
    "ink": "#16191f",
    "muted": "#5b6472",
    "line": "#e0e4ea",
    "accent": "#2456c9",
    "band": "#d5e0f8",
    "warn": "#b45309",
    "good": "#17713f",
    "open": "#eef2fb",
    "good-soft": "#e6f5ec",
}
SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" style="background:white"'


def alone(picture: Markup) -> str:
    """What `inline` gave, as a file of its own in the colours of the light page."""
    text = re.sub(r"var\(--([\w-]+)\)", lambda found: LIGHT[found[1]], str(picture))
    return text.replace("<svg ", f"<svg {SPACES} ", 1) + "\n"
