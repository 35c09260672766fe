"""How far a long computation is: a callback, or a bar on a terminal once it takes longer than a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], object]
"""Called with the name of a stage, the samples done and the samples to do."""

PATIENCE = 1.0
"""Seconds before a bar appears."""


@contextmanager
def shown(progress: Progress | None) -> Iterator[Progress]:
    """Give the callback itself, or one that moves a bar on stderr; nothing is drawn where stderr is no terminal."""
    if progress is not None:
        yield progress
    elif sys.stderr.isatty():
        with _bar() as moved:
            yield moved
    else:
        yield lambda _stage, _done, _total: None


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console  # noqa: PLC0415 (a progress library, only for those who look)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("")
    # A timer draws the bar, because a single part of the work may take longer than the patience.
    timer = threading.Timer(PATIENCE, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
