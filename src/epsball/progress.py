"""How far a long computation is: a callback, a bar on a terminal, or a line per stage where stderr is no terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from epsball.terminal import printable

Progress: TypeAlias = Callable[[str, int, int], object]
"""Called with the name of a stage, what is done of it and what there is to do: samples, steps, images."""

PATIENCE = 1.0
"""Seconds before a bar appears."""
PATIENCE_OF_A_LOG = 10.0
"""Seconds before the first line appears where nobody may be looking."""


@contextmanager
def shown(progress: Progress | None) -> Iterator[Progress]:
    """Give the callback itself, or one that shows progress on stderr once the work takes longer than a moment.

    On a terminal that is a bar with the time that the stage still needs, elsewhere one line for every stage that begins.
    """
    if progress is not None:
        yield progress
    elif sys.stderr.isatty():
        with _bar() as moved:
            yield moved
    else:
        yield _lines()


def _lines() -> Progress:
    started, last = time.monotonic(), ""

    def step(stage: str, done: int, total: int) -> None:
        nonlocal last
        spent = time.monotonic() - started
        if stage != last and spent > PATIENCE_OF_A_LOG:
            last = stage
            sys.stderr.write(f"{printable(stage)}: {done:,} of {total:,} done, {spent:.0f} s since the start\n")
            sys.stderr.flush()

    return step


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console  # noqa: PLC0415 (a progress library, only for those who look)
    from rich.progress import (  # noqa: PLC0415 (the same)
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task, last = bar.add_task(""), ""

    def step(stage: str, done: int, total: int) -> None:
        nonlocal last
        if stage != last:  # the speed of another stage would spoil the estimate
            bar.reset(task, description=printable(stage), completed=done, total=total)
            last = stage
        bar.update(task, completed=done, total=total)

    # A timer draws the bar, because a single chunk of the work may take longer than the patience.
    timer = threading.Timer(PATIENCE, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield step
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
