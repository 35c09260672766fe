"""A comparison as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.comparison.formats import FORMATS
from epsball.comparison.words import cautions_of, comparison_rows, sentence, sides_changed
from epsball.report.summary import escaped
from epsball.report.text import count

if TYPE_CHECKING:
    from epsball.comparison.comparison import Comparison

SHOWN = 20
"""Ids of samples that changed sides."""


def ids_in_words(ids: list[int], most: int = SHOWN) -> str:
    """``3, 17, 44 and 12 more``."""
    text = ", ".join(map(str, ids[:most])) or "none"
    return f"{text} and {count(len(ids) - most)} more" if len(ids) > most else text


def markdown(comparison: Comparison, title: str) -> str:
    """What differs, the table of all runs, what to read before them, and which samples changed sides."""
    first = comparison.baseline.name
    heading, rows = comparison_rows(comparison)
    table = [
        f"| {' | '.join(map(escaped, heading))} |",
        f"| --- {'| ---: ' * (len(heading) - 2)}| --- |",
        *(f"| {' | '.join(map(escaped, row))} |" for row in rows),
    ]
    said = [escaped(f"{sentence(comparison, each)}.") for each in comparison.differences]
    parts = [
        FORMATS["markdown"].mark,
        f"### {escaped(title or f'Robustness against {first}')}",
        "\n".join(f"- **{text}**" for text in said),
        "\n".join(table),
        escaped(
            f"In parentheses 95 % intervals; {comparison.norm}; differences are a run's figure less that of {first}."
        ),
    ]
    if cautions := cautions_of(comparison):
        parts.append("\n".join(f"- {escaped(each)}" for each in cautions))
    changed = [
        f"- {count(len(ids))} {escaped(words)}: {ids_in_words(ids)}"
        for each in comparison.differences
        for words, ids in sides_changed(each, first)
    ]
    if changed:
        parts.append("\n".join(["Samples that changed sides:", "", *changed]))
    return "\n\n".join(parts) + "\n"
