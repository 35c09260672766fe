"""The installed command as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.words import evaluate

COMMAND = [sys.executable, "-m", "epsball"]
INTERRUPTIBLE = "import runpy, signal as s; s.signal(s.SIGINT, s.default_int_handler); runpy.run_module('epsball', run_name='__main__')"
"""Started in the background of a shell, a process ignores SIGINT, and so would its children."""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False, env=environment())


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def test_the_version_and_an_error_as_the_shell_sees_them() -> None:
    shown = run("--version")
    assert shown.returncode == 0
    assert shown.stdout.startswith("epsball ")
    failed = run(*evaluate(model="nets.py:nan"))
    assert failed.returncode == 2
    assert failed.stdout == ""
    assert len(failed.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process on Windows")
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_is_finished_and_the_same_command_goes_on(told: signal.Signals) -> None:
    words = evaluate("--out", "run", "--json", model="nets.py:slow", suite="noise,pgd")
    Path("slow").touch()
    slow = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    first = Path("run", "attacks", "00-noise", "00000.parquet")
    limit = time.monotonic() + 60
    while not Path("asleep").exists() and slow.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    slow.send_signal(told)
    out, error = slow.communicate(timeout=60)
    assert slow.returncode == 130, error
    assert json.loads(out)["error"]["exit_code"] == 130
    assert "lies in run" in error
    assert "Traceback" not in error
    kept = first.read_bytes()
    Path("slow").unlink()
    resumed = run(*words)
    assert resumed.returncode == 0, resumed.stderr
    assert first.read_bytes() == kept
    assert list(json.loads(resumed.stdout)["results"]) == ["noise", "pgd"]
