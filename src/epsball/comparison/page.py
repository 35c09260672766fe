"""The comparison as one HTML file that needs no network, in the style of the report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.comparison.changed import changed
from epsball.comparison.figures import curves, differences, legend, lines, spoken, start
from epsball.comparison.summary import ids_in_words
from epsball.comparison.words import (
    change,
    comparison_rows,
    doubts,
    evidence,
    judgement,
    p_text,
    robust_name,
    shared_in_words,
)
from epsball.display.text import budget
from epsball.report.page import SIZES, STEPS, rendered
from epsball.report.svg import inline, place
from epsball.report.target import target
from epsball.report.text import DASH, count, title_of

if TYPE_CHECKING:
    from epsball.comparison.comparison import Comparison, Difference
    from epsball.comparison.figures import Line

LISTED = 400
"""Ids of samples that changed sides, in a list that opens."""


def html(comparison: Comparison, title: str) -> str:
    """The page; `title` is what stands above it."""
    return rendered("epsball.comparison", "compare.html.jinja", _page(comparison, title))


def _page(comparison: Comparison, title: str) -> dict[str, Any]:
    heading, rows = comparison_rows(comparison)
    clear = [each for each in comparison.differences if each.clear]
    worse = any(each.robust.difference < 0 for each in clear)
    environment = comparison.baseline.run.plan.environment
    return {
        "title": title or " against ".join(side.name for side in reversed(comparison.sides[:2])),
        "subtitle": f"{len(comparison.sides)} runs in {comparison.norm}, ε = {budget(comparison.eps)}",
        "version": environment.versions.get("epsball", ""),
        "tone": "" if not comparison.trusted else "bad" if worse else "good" if clear else "",
        "judgements": [
            (judgement(comparison, each), f"{_capital(evidence(comparison, each))}.") for each in comparison.differences
        ],
        "trusted": comparison.trusted,
        "doubts": [(side.name, said) for side in comparison.sides for said in doubts(side)],
        "cautions": [f"{said}." for said in (*comparison.cautions, *filter(None, _shared(comparison)))],
        "heading": heading,
        "rows": [
            {"cells": row, "about": title_of(side.run.plan), "trusted": side.run.trusted}
            for side, row in zip(comparison.sides, rows, strict=True)
        ],
        "target": target(comparison.baseline.run.plan),
        "robust": robust_name(comparison),
        "baseline": comparison.baseline.name,
        "differences": [_difference(each) for each in comparison.differences],
        "forest": {
            name: inline(differences(comparison, width), f"forest-{name}", "; ".join(_forest(comparison)))
            for name, (width, _) in SIZES.items()
        },
        "curve": _curve(comparison),
        "changed": [_changed(comparison, each) for each in comparison.differences if each.paired],
        "several": len(comparison.differences) > 1,
    }


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _shared(comparison: Comparison) -> list[str]:
    return [shared_in_words(comparison, each) for each in comparison.differences]


def _forest(comparison: Comparison) -> list[str]:
    return [f"{each.name}: {change(each.robust)}" for each in comparison.differences]


def _difference(each: Difference) -> dict[str, str]:
    return {
        "name": each.name,
        "on": f"{count(len(each.pairs))} shared" if each.paired else "not paired",
        "clean": change(each.clean),
        "robust": change(each.robust),
        "p": p_text(each.robust.p_value).removeprefix("= "),
        "adjusted": p_text(each.p_adjusted).removeprefix("= "),
    }


def _curve(comparison: Comparison) -> dict[str, Any]:
    drawn = lines(comparison)
    texts = spoken(comparison, drawn)
    said = f"Accuracy against ε of {', '.join(side.name for side in comparison.sides)}"
    return {
        "pictures": {name: _picture(comparison, drawn, name, said) for name in SIZES},
        "texts": json.dumps(texts, ensure_ascii=False),
        "start": start(comparison),
        "legend": legend(comparison),
        "names": [side.name for side in comparison.sides],
        "table": _table(comparison, drawn, len(texts)),
    }


def _picture(comparison: Comparison, drawn: list[Line], name: str, said: str) -> dict[str, Any]:
    plot = curves(comparison, drawn, *SIZES[name])
    picture = inline(plot, f"curves-{name}", said)
    longest = max(drawn, key=lambda each: len(each.eps))
    at = place(plot, list(zip(longest.eps.tolist(), longest.accuracy.tolist(), strict=True)))
    return {"svg": picture, "places": json.dumps(at, separators=(",", ":"))}


def _table(comparison: Comparison, drawn: list[Line], points: int) -> list[list[str]]:
    """Some of the curve's points: ε, and for every run what stands there with its interval."""
    longest = max(drawn, key=lambda each: len(each.eps)).eps
    rows = []
    for at in sorted({*np.linspace(0, points - 1, STEPS).astype(int).tolist(), start(comparison)}):
        eps = float(longest[at])
        cells = [_cell(each, at) for each in drawn]
        rows.append([budget(eps) if eps == comparison.eps else f"{eps:.3g}", *cells])
    return rows


def _cell(each: Line, at: int) -> str:
    if at >= len(each.eps):
        return "not searched"
    return f"{100 * each.accuracy[at]:.1f} ({100 * each.low[at]:.1f} {DASH} {100 * each.high[at]:.1f})"


def _changed(comparison: Comparison, each: Difference) -> dict[str, Any]:
    directions = [
        {"words": words, "count": count(len(ids)), "ids": ids_in_words(ids.tolist(), LISTED), "pictures": pictures}
        for words, ids, pictures in changed(comparison, each)
    ]
    return {"name": each.name, "of": count(len(each.pairs)), "directions": directions}
