"""A quiet progress bar: on a terminal one line, elsewhere nothing."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress(total: int, done: int) -> Iterator[Callable[[str], object]]:
    """Give a function that takes what to say and advances by one step.

    Args:
        total: steps of the whole run.
        done: steps taken in an earlier part of it.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 a progress library is imported where it is used
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415 the same

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=total, completed=done)
        yield lambda text: bar.update(task, advance=1, description=text)
