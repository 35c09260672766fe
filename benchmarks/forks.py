"""Tests in forks of one warm process: what every one of them imports of other packages is loaded once, epsball never."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import hypothesis
import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_WARM = (
    "hypothesis.extra.numpy",
    "jinja2",
    "matplotlib",
    "msgspec",
    "onnx",
    "PIL.Image",
    "playwright.sync_api",
    "pyarrow.parquet",
    "rich.progress",
    "safetensors.torch",
    "scipy.stats",
    "torch.ao.quantization",
    "torch.utils.flop_counter",
    "typer.testing",
)
_OPTIONS = ("-q", "--tb=line", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
_LONGEST = 1.0
"""Seconds between two looks at the forks; what is longer is time in which this process was halted, and the forks with it."""


def warm() -> None:
    """Load what the tests import, in one thread, so that a fork starts at once and finds no lock held."""
    torch.set_num_threads(1)
    for name in _WARM:
        importlib.import_module(name)


@dataclass
class _Running:
    slot: int
    pid: int
    seconds: float = 0.0


def run(jobs: Sequence[Callable[[int], int]], slots: int, limit: float) -> Iterator[tuple[int, int | None, float]]:
    """Run every job in a fork of its own, `slots` at a time.

    Args:
        jobs: called with the number of their slot; what they return is the fork's exit status.
        slots: how many run at once.
        limit: seconds after which one is killed with all processes it started.

    Yields:
        which job ended, its exit status (None: killed at the limit), and its seconds; in the order in which they end.
    """
    running: dict[int, _Running] = {}
    before = time.monotonic()
    free, waiting = list(range(slots)), list(range(len(jobs)))
    try:
        while running or waiting:
            while free and waiting:
                job, slot = waiting.pop(0), free.pop()
                running[job] = _Running(slot, _fork(jobs[job], slot))
            passed, before = time.monotonic() - before, time.monotonic()
            for job, at in list(running.items()):
                at.seconds += min(passed, _LONGEST)
                pid, status = os.waitpid(at.pid, os.WNOHANG)
                if pid or at.seconds > limit:
                    _end(at.pid, reap=not pid)
                    del running[job]
                    free.append(at.slot)
                    yield job, os.waitstatus_to_exitcode(status) if pid else None, at.seconds
            time.sleep(0.02)
    finally:
        for at in running.values():
            _end(at.pid, reap=True)


def _end(pid: int, *, reap: bool) -> None:
    """End whatever is left of a fork and of the processes it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if reap:
        os.waitpid(pid, 0)


def _fork(job: Callable[[int], int], slot: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        status = job(slot)
    finally:
        os._exit(status)


def session(root: Path, arguments: Sequence[str], plugin: object = None) -> int:
    """Run pytest once on the copy of the tree at `root`; its exit status. Only ever called in a fork.

    Hypothesis draws the same examples every time, does not shrink them, and no test fails for being slow.
    """
    os.chdir(root)
    source = str(root / "src")
    os.environ |= {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    if source not in sys.path:
        sys.path.insert(0, source)
    hypothesis.settings.register_profile(
        "mutate",
        deadline=None,
        database=None,
        derandomize=True,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutate")
    base = root.parent / "of-pytest" / root.name
    base.parent.mkdir(exist_ok=True)
    return int(
        pytest.main(
            [*_OPTIONS, f"--basetemp={base}", *arguments],
            plugins=[plugin] if plugin else [],
        )
    )
