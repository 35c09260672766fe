"""A bar only where somebody looks, and only once there is something to wait for."""

from __future__ import annotations

import io
import sys
import time

import pytest

from epsball import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, patience: float, seconds: float = 0.3) -> str:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PATIENCE", patience)
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress.shown(None) as told:
        told("pgd", 3, 7)
        limit = time.monotonic() + seconds
        while "3/7" not in stderr.getvalue() and time.monotonic() < limit:
            time.sleep(0.02)
    return stderr.getvalue()


def test_a_long_wait_on_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = drawn(monkeypatch, Terminal(), 0.01, seconds=60)
    assert "pgd" in shown
    assert "3/7" in shown


def test_a_short_wait_and_a_file_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, Terminal(), 60) == ""
    assert drawn(monkeypatch, io.StringIO(), 0.01) == ""


def test_ones_own_callback_is_used_as_it_is() -> None:
    steps: list[tuple[str, int, int]] = []
    with progress.shown(lambda *step: steps.append(step)) as told:
        told("pgd", 0, 7)
    assert steps == [("pgd", 0, 7)]


def test_the_bar_goes_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyboardInterrupt), progress.shown(None):
        raise KeyboardInterrupt
