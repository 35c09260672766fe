"""A bar in a notebook: one output that is redrawn in place, without widgets, so that a saved notebook holds no trail of it."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAUSE = 0.2
"""Seconds between two drawings."""


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel; IPython is not imported to find out."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


@contextmanager
def bar(patience: float, left: Callable[[int, int], float | None]) -> Iterator[Callable[[str, int, int], None]]:
    """Give a callback (stage, done, total) that draws a bar once the work has taken longer than the patience; it goes at the end.

    Args:
        patience: seconds before it appears.
        left: (done, total) -> seconds that are left, or None while that is not known.
    """
    from IPython.display import display  # noqa: PLC0415 (it is there: this is its process)

    started, drawn, handle = time.monotonic(), 0.0, None

    def step(stage: str, done: int, total: int) -> None:
        nonlocal drawn, handle
        now, rest = time.monotonic(), left(done, total)
        if now - started < patience or now - drawn < PAUSE:
            return
        drawn, content = now, _content(stage, done, total, now - started, rest)
        if handle is None:
            handle = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call] # IPython annotates only parts
        else:
            handle.update(content, raw=True)

    try:
        yield step
    finally:
        if handle is not None:
            handle.update({"text/html": "", "text/plain": ""}, raw=True)


def _content(stage: str, done: int, total: int, spent: float, rest: float | None) -> dict[str, Any]:
    times = f"{timedelta(seconds=round(spent))}, left {'…' if rest is None else timedelta(seconds=round(rest))}"
    text = f"{stage}: {done:,} of {total:,}, {times}"
    meter = f'<progress value="{min(done, total)}" max="{max(total, 1)}" style="width: 16em"></progress>'
    return {"text/html": f"{meter} {escape(text)}", "text/plain": text}
