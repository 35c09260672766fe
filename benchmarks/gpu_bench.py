"""What the sections of the check on a card share: their checks, figures and deadline, kept in a file as they come."""

from __future__ import annotations

import json
import statistics
import time
import traceback
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class Bench:
    """One section under way.

    Args:
        device: where it runs.
        small: whether sizes are those of a trial on a processor.
        path: the file of its result.
        seconds: time that it may take; what is not begun by then is listed as left out.
    """

    device: torch.device
    small: bool
    path: Path
    seconds: float
    figures: dict[str, Any] = field(default_factory=dict)
    passed: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _started: float = field(default_factory=time.perf_counter)
    _case: str = ""

    @property
    def elapsed(self) -> float:
        """Seconds since the section began."""
        return time.perf_counter() - self._started

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.elapsed > self.seconds

    def check(self, name: str, holds: object, note: str = "") -> None:
        """Record whether a property holds."""
        if bool(holds):
            self.passed[name] += 1
        else:
            self.failures.append({"case": self._case, "check": name, "note": note})

    @contextmanager
    def case(self, name: str) -> Iterator[None]:
        """Record an exception of one case as its failure and let the others run.

        Raises:
            LeftOut: nothing; one that the case raises is listed.
        """
        self._case = name
        try:
            yield
        except LeftOut as reason:
            self.left_out.append(f"{name}: {reason}")
        except Exception:  # noqa: BLE001 (whatever goes wrong belongs into the result)
            self.failures.append({"case": name, "check": "no exception", "note": traceback.format_exc()})
        finally:
            self._case = ""
            self.write()

    def in_time(self, name: str) -> bool:
        """Whether there is time for the case; otherwise it is listed."""
        if self.late:
            self.left_out.append(f"{name}: no time was left")
        return not self.late

    def synchronise(self) -> None:
        """Wait until the card has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def clock(self, run: Callable[[], Any]) -> float:
        """Seconds that `run` takes, the card's work included."""
        self.synchronise()
        started = time.perf_counter()
        run()
        self.synchronise()
        return time.perf_counter() - started

    def race(self, contestants: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
        """Seconds of every contestant, in turns A B C, C B A, after one round that is not counted; fewer rounds when time is up."""
        for run in contestants.values():
            self.clock(run)
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for turn in range(rounds):
            if turn and self.late:
                break
            for name in list(contestants) if turn % 2 == 0 else list(reversed(contestants)):
                seconds[name].append(self.clock(contestants[name]))
        return seconds

    def peak(self, run: Callable[[], Any]) -> int | None:
        """Bytes that `run` holds on the card at most; None on a processor."""
        if self.device.type != "cuda":
            run()
            return None
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        run()
        self.synchronise()
        return torch.cuda.max_memory_allocated(self.device) - before

    def write(self) -> None:
        """Keep what is known so far."""
        result = {
            "passed": not self.failures,
            "checks passed": dict(self.passed),
            "failures": self.failures,
            "left out": self.left_out,
            "figures": self.figures,
            "seconds": round(self.elapsed, 2),
        }
        self.path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


class LeftOut(Exception):  # noqa: N818 (it is no error: the case cannot be run here)
    """A case that cannot be run here, and why."""


def ratio(seconds: dict[str, list[float]], slower: str, faster: str) -> float:
    """Median over the rounds of the ratio of two times."""
    return round(statistics.median(a / b for a, b in zip(seconds[slower], seconds[faster], strict=True)), 4)
