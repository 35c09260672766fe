"""How far a long computation is: a callback, a bar on a terminal or in a notebook, a line per stage where stderr is neither."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeAlias

from epsball import notebook_bar
from epsball.terminal import printable

Progress: TypeAlias = Callable[[str, int, int], object]
"""Called with the name of a stage, what is done and what there is to do: passes, steps, images; the latter may be an estimate."""

PATIENCE = 1.0
"""Seconds before a bar appears."""
PATIENCE_OF_A_LOG = 2.0
"""Seconds before the first line appears where nobody may be looking."""
SETTLED = 0.02
"""The fraction of the work from which on an estimate of the rest is worth a word."""


@contextmanager
def shown(progress: Progress | None) -> Iterator[Progress]:
    """Give the callback itself, or one that shows progress on stderr once the work takes longer than a moment.

    On a terminal and in a notebook that is a bar with the time that the work still needs, elsewhere one line for every stage.
    """
    if progress is not None:
        yield progress
    elif notebook_bar.in_notebook():
        with notebook_bar.bar(PATIENCE, Pace().left) as moved:
            yield moved
    elif sys.stderr is None:  # as where the process was started with stderr closed, or has no console
        yield _nowhere
    elif sys.stderr.isatty():
        with _bar() as moved:
            yield moved
    else:
        yield _lines()


def _nowhere(stage: str, done: int, total: int) -> None:
    """Show nothing."""


def _lines() -> Progress:
    """One line a stage, once it has begun and the patience is over."""
    started, last, pace = time.monotonic(), "", Pace()

    def step(stage: str, done: int, total: int) -> None:
        nonlocal last
        now, rest = time.monotonic(), pace.left(done, total)
        if stage != last and now - started > PATIENCE_OF_A_LOG:
            last = stage
            coming = "" if rest is None else f", about {rest:.0f} s left"
            sys.stderr.write(
                f"{printable(stage)}: {done:,} of {total:,} done, {now - started:.0f} s since the start{coming}\n"
            )
            sys.stderr.flush()

    return step


class Pace:
    """Estimates the time that is left: what is to do, at the pace of what was done; time in which nothing moved does not count.

    Args:
        clock: seconds, from any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last, self._done = clock(), 0
        self._spent, self._moved = 0.0, 0

    def left(self, done: int, total: int) -> float | None:
        """Seconds until `total` is done; None while it is too early to say."""
        now, more = self._clock(), done - self._done
        if more > 0:
            self._spent, self._moved = self._spent + now - self._last, self._moved + more
        elif more < 0:  # another piece of work, whose pace is not known
            self._spent, self._moved = 0.0, 0
        self._last, self._done = now, done
        return self._spent * (total - done) / self._moved if self._moved and done >= SETTLED * total else None


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console  # noqa: PLC0415 (a progress library, only for those who look)
    from rich.progress import (  # noqa: PLC0415 (the same)
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left {task.fields[left]}"),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task, pace, known = bar.add_task("", left="…"), Pace(), "…"

    def step(stage: str, done: int, total: int) -> None:
        nonlocal known
        rest = pace.left(done, total)
        known = known if rest is None else str(timedelta(seconds=round(rest)))
        bar.update(task, description=printable(stage), completed=done, total=total, left=known)

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
