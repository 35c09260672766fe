"""The streams of the process: all three are open, and what a program reads from stdout is the result alone."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESULT: ContextVar[TextIO | None] = ContextVar("result", default=None)
_NAMES = "stdin", "stdout", "stderr"


def open_missing() -> None:
    """Lead each stream with which the process was started closed, as by `2>&-`, to nowhere.

    Python has None for such a stream, and the next file that is opened takes its number, so that a message which a C library
    writes to stderr would end in that file.
    """
    for name in _NAMES:
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free, which is the stream's own
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 (a number; it stays open)


@contextmanager
def result_alone() -> Iterator[None]:
    """Send what anything else prints, such as a user's model, to stderr; only `write_result` reaches stdout."""
    chosen = _RESULT.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _RESULT.reset(chosen)


def result_stream() -> TextIO:
    """Where the result is written."""
    return _RESULT.get() or sys.stdout


def write_result(text: str) -> None:
    """One document on stdout."""
    stream = result_stream()
    stream.write(f"{text}\n")
    stream.flush()  # so that a full disk is an error of this line and not of the interpreter's end


def nobody_reads() -> None:
    """Lead stdout to nowhere once its reader has gone, as `head` does: nothing more can be said there."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (a device; it stays open until the end)
