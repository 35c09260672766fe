"""What is said of rows: cells of tables, and answers to the simplest statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from epsball.paper.estimates import decimal, percent
from epsball.report.text import number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from epsball.paper.experiment import Answer
    from epsball.paper.rows import Row, Rows


def key(column: str, text: Callable[[Any], str] = str) -> Callable[[Rows], str]:
    """The column of rows that is the same all along the line."""
    return lambda line: text(getattr(line.rows[0], column))


def percents(**keys: Any) -> Callable[[Rows], str]:
    """The only row of the line with these keys, as a percentage."""
    return lambda line: percent(line.one(**keys))


def decimals(**keys: Any) -> Callable[[Rows], str]:
    """The only row of the line with these keys, with three significant digits."""
    return lambda line: decimal(line.one(**keys))


def whole(**keys: Any) -> Callable[[Rows], str]:
    """The only row of the line with these keys, a whole number."""
    return lambda line: f"{line.one(**keys).value:.0f}"


def numbers(**keys: Any) -> Callable[[Rows], str]:
    """The value of the only row of the line with these keys."""
    return lambda line: number(line.one(**keys).value)


def listed(rows: Mapping[str, Row], text: Callable[[Row], str] = percent) -> str:
    """Rows by their names, in one line."""
    return "; ".join(f"{name} {text(row)}" for name, row in rows.items())


def at_least(limit: float, text: Callable[[Row], str] = percent, **keys: Any) -> Callable[[Rows], Answer]:
    """Whether the only row with these keys reaches a limit."""
    return lambda rows: (text(rows.one(**keys)), rows.one(**keys).value >= limit)


def at_most(limit: float, text: Callable[[Row], str] = percent, **keys: Any) -> Callable[[Rows], Answer]:
    """Whether the only row with these keys stays within a limit."""
    return lambda rows: (text(rows.one(**keys)), rows.one(**keys).value <= limit)


def apart(above: Row, below: Row, text: Callable[[Row], str] = percent) -> Answer:
    """Whether the first interval lies above the second."""
    return f"{text(above)} against {text(below)}", above.low > below.high
