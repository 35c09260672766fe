"""How long an evaluation may take: a clock that decides how many whole rounds of samples run, or that number itself."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from epsball.errors import InputError, brief

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LATE = 1.03
"""Where in the budget a round that takes longer than was estimated is broken off; what follows must still fit into a tenth."""
_SPARE = 0.02
"""The fraction of the budget that is left for what comes after the last round: the last checks, and files."""
_SMALLEST, _LARGEST = 8, 256
_PART = 4
"""A round is at most this part of what is done: a smaller one for every attack has few rows, a larger one leaves much of the budget."""
_LAST = 3
"""Rounds that the next one is estimated from."""


class OutOfTimeError(Exception):
    """The budget is over in the middle of a round."""


@dataclass(frozen=True)
class Budget:
    """What an evaluation may spend, as `parse_budget_of_time` reads it.

    Args:
        seconds: of the clock on the wall; None where the number of rounds is given.
        rounds: how many rounds run; None where the clock decides.
        started: when the clock was started.
    """

    seconds: float | None = None
    rounds: int | None = None
    started: float = field(default_factory=monotonic)

    @classmethod
    def of(cls, given: float | str | Budget, started: float | None = None) -> Budget:
        """Read "60s", "5m", "1h", a number of seconds, or "12 rounds".

        Args:
            given: what was given.
            started: when the clock was started; now when left out.

        Raises:
            InputError: it is none of these.
        """
        if isinstance(given, Budget):
            return given
        now = monotonic() if started is None else started
        found = re.fullmatch(r"([0-9.]+) *([a-z]*)", str(given).strip().lower())
        number, unit = (_number(found[1]), found[2]) if found else (math.nan, "")
        if unit in {"round", "rounds"} and number >= 1 and number == int(number):
            return cls(rounds=int(number), started=now)
        if unit in _UNITS and 0 < number < math.inf:
            return cls(seconds=number * _UNITS[unit], started=now)
        raise InputError(
            f"the budget was given as {brief(given)}; expected a time such as 60s, 5m or 1h, or a number of rounds such as '12 rounds'"
        )

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return monotonic() - self.started

    @property
    def over(self) -> bool:
        """Whether a round must be broken off."""
        return self.seconds is not None and self.spent > _LATE * self.seconds

    def admits(self, done: int, size: int, pace: list[float]) -> bool:
        """Whether another round is to be begun.

        Args:
            done: rounds that are done.
            size: samples of the next one.
            pace: seconds per sample of each round that was computed in this call.
        """
        if self.rounds is not None:
            return done < self.rounds
        if self.seconds is None:
            return True
        expected = size * max(pace[-_LAST:], default=0.0)
        return self.spent + expected <= (1 - _SPARE) * self.seconds


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def round_ends(n: int, most: int) -> Iterator[int]:
    """Where each round ends when n samples are gone through: a fixed rule, so that the number of rounds says which samples are done.

    Args:
        n: all samples.
        most: samples that are attacked at a time.
    """
    done = 0
    while done < n:
        size = 2 ** int(math.log2(max(done / _PART, _SMALLEST)))
        done = min(done + min(size, _LARGEST, most), n)
        yield done
