"""A bar only where somebody looks, and only once there is something to wait for."""

from __future__ import annotations

import io
import re
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
    with progress.shown(None) as step:
        step("pgd", 3, 7)
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


def test_a_log_gets_a_line_for_every_stage_of_a_long_run(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(progress, "PATIENCE_OF_A_LOG", 0.0)
    monkeypatch.setattr(sys, "stderr", log)
    with progress.shown(None) as step:
        for stage, done in (("fgsm", 0), ("fgsm", 2000), ("pgd", 0)):
            step(stage, done, 2000)
    lines = log.getvalue().splitlines()
    assert [line.partition(" s since")[0].rpartition(" ")[0] for line in lines] == [
        "fgsm: 0 of 2,000 done,",
        "pgd: 0 of 2,000 done,",
    ]


def test_a_bar_estimates_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", stderr)
    estimate, done, limit = re.compile(r"left \S*0:\d\d:\d\d|left \d+:\d\d:\d\d"), 0, time.monotonic() + 60
    with progress.shown(None) as step:
        while not estimate.search(stderr.getvalue()) and time.monotonic() < limit:
            time.sleep(0.02)
            done += 1
            step("pgd", done, 1_000)
    assert estimate.search(stderr.getvalue())


def test_ones_own_callback_is_used_as_it_is() -> None:
    steps: list[tuple[str, int, int]] = []
    with progress.shown(lambda *step: steps.append(step)) as step:
        step("pgd", 0, 7)
    assert steps == [("pgd", 0, 7)]


def test_the_bar_goes_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyboardInterrupt), progress.shown(None):
        raise KeyboardInterrupt
