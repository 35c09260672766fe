"""Objects as a line and as a small table."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NORMS = {"linf": "l∞", "l2": "l2", "l1": "l1", "l0": "l0"}
LONGEST = 400
"""Characters of a line."""
_SHORT = 4
"""Characters of a number that needs no fraction to be read."""
_EXACT = 1e-6
_WHITE = 255
_LEFT = "text-align: left"


def line(text: str) -> str:
    """Return a text without its middle where that is too long for a line."""
    half = LONGEST // 2 - 1
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"


def budget(eps: float) -> str:
    """Return ε as people write it: 0.3, 8/255.

    Example:
        >>> budget(8 / 255), budget(0.3), budget(1.0)
        ('8/255', '0.3', '1')
    """
    text, steps = f"{eps:g}", eps * _WHITE
    whole = math.isfinite(steps) and 0 < eps < 1 and abs(steps - round(steps)) < _EXACT
    return f"{round(steps)}/{_WHITE}" if whole and len(text) > _SHORT else text


def table(title: str, facts: Mapping[str, object]) -> str:
    """Return names and values as an HTML table in the colours of the page that it stands in, light or dark."""
    rows = "".join(
        f'<tr><th scope="row" style="{_LEFT}">{escape(name)}</th><td style="{_LEFT}">{escape(str(value))}</td></tr>'
        for name, value in facts.items()
    )
    caption = f'<caption style="{_LEFT}; caption-side: top; font-weight: bold">{escape(title)}</caption>'
    return f"<table>{caption}<tbody>{rows}</tbody></table>"
