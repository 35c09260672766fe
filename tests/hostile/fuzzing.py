"""How long a law is tried on random input, and random damage to files."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

PATIENCE = 30
"""Seconds after which one input counts as a hang."""
HOUR = os.environ.get("EPSBALL_FUZZ") == "hour"
FEW, MANY = 1, 200 if HOUR else 7
"""How many times a law's number of inputs: a minute for all in `make test`; five in `make test-all`, an hour in `make fuzz`."""

LENGTHS = pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.thorough)])
"""For a test that calls `fuzz`: few inputs in every run, many where there is time."""


def fuzz(law: Callable[[Any], None], inputs: SearchStrategy[Any], examples: int) -> None:
    """Try a law on that many inputs: the same ones each time, or new ones in `make fuzz`, which shrinks what it finds."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=not HOUR,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if HOUR else [])],
        print_blob=True,
    )
    @given(inputs)
    def each(one: Any) -> None:
        with no_hang():
            law(one)

    each()


@contextmanager
def no_hang() -> Iterator[None]:
    """Fail after `PATIENCE` seconds."""

    def late(*_: object) -> None:
        raise AssertionError(f"no end after {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


PLACE = st.floats(0, 1, exclude_max=True)
PIECE = st.binary(max_size=8) | st.sampled_from(
    [b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 7, b"9" * 20, b"\xff\xff\xff\x7f"]
)
EDIT = st.tuples(st.sampled_from(["set", "set", "set", "insert", "cut", "copy"]), PLACE, PLACE, PIECE)


def damaged(contents: list[bytes]) -> SearchStrategy[bytes]:
    """One of these contents after a few edits: bytes replaced, put in, cut out or repeated."""
    return st.builds(_edited, st.sampled_from(contents), st.lists(EDIT, min_size=1, max_size=6)) | st.binary(
        max_size=64
    )


def _edited(content: bytes, edits: list[tuple[str, float, float, bytes]]) -> bytes:
    for how, place, other, piece in edits:
        at, end = int(place * len(content)), int(other * len(content))
        if how == "set":
            content = content[:at] + piece + content[at + len(piece) :]
        elif how == "insert":
            content = content[:at] + piece + content[at:]
        elif how == "cut":
            content = content[: min(at, end)] + content[max(at, end) :]
        else:
            content = content[:at] + content[end : end + 64] + content[at:]
    return content
