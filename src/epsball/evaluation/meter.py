"""How far an evaluation is: in passes through the model, those still to come estimated."""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING

from epsball.oracle.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from epsball.attacks.base import Attack
    from epsball.progress import Progress

_USUAL = 2e-3
"""Seconds that a step takes besides its passes, until calls of few rows have shown it: loops of Python and small operations."""
_SURE = 2.0
"""How many calls without a row this is worth."""
_EVERY = 0.05
"""Seconds from one estimate to the next."""


class Meter:
    """Adds up the passes that are done and those that are expected, over all stages of a run.

    A sample costs what its attack says until the first samples of the stage are through, and from then on what those cost. Passes to
    come are counted at the time that a pass has taken so far, so those of few rows, which take longer, count for more.

    Args:
        progress: called with the stage, the passes done and those that there will be, after every micro-batch.
        attacks: the stages to come, by name.
    """

    def __init__(self, progress: Progress, attacks: Mapping[str, Attack]) -> None:
        self._progress = progress
        self._attacks = dict(attacks)
        self._waiting = dict(attacks)
        self._stage = ""
        self._total = self._through = self._left = 0
        self._due = -math.inf
        self._before = self._coming = self._rest = self._later = Work()
        self._price = _Price()

    def begin(self, stage: str, samples: int, *, right: int, robust: int) -> None:
        """A stage begins that is about so many samples.

        Args:
            stage: its name.
            samples: how many it takes.
            right: how many are classified correctly, which is what later minimum-norm attacks take.
            robust: how many of them are robust so far, which is what other attacks take.
        """
        self._waiting.pop(stage, None)
        waiting = (each.expected_work(right if each.minimum_norm else robust) for each in self._waiting.values())
        self._later = sum(waiting, Work())
        self._stage, self._left, self._through, self._coming = stage, samples, 0, Work()
        self._before = self._price.done
        self._rest = self._expected(samples)
        self._price.rest()
        self._estimate()
        self._tell()

    def chunk(self, samples: int) -> None:
        """So many samples of the stage are begun."""
        self._left -= samples
        self._coming, self._rest = self._expected(samples), self._expected(self._left)
        self._price.rest()

    def ended(self, samples: int) -> None:
        """Those samples are through."""
        self._through += samples
        self._coming = Work()
        self._estimate()
        self._tell()

    def tick(self, passes: int, coming: Callable[[], Work]) -> None:
        """Passes were made, and so much more is expected for the samples that were begun; asked for at times only."""
        now = self._price.took(passes)
        if now >= self._due:
            self._coming, self._due = coming(), now + _EVERY
            self._estimate()
        self._tell()

    def finish(self) -> None:
        """Nothing is left."""
        done = max(1, round(self._price.done.passes))
        self._progress(self._stage, done, done)

    def _estimate(self) -> None:
        done = self._price.done
        spent = done + self._before.times(-1)
        rest = spent.times(self._left / self._through) if self._through else self._rest
        self._total = round(done.passes + self._price.at_the_usual(self._coming + rest + self._later))

    def _tell(self) -> None:
        done = round(self._price.done.passes)
        self._progress(self._stage, done, max(1, done, self._total))

    def _expected(self, samples: int) -> Work:
        attack = self._attacks.get(self._stage)
        return Work(samples) if attack is None else attack.expected_work(samples)


class _Price:
    """What a call of the model takes and what each of its passes, by least squares over the micro-batches that are done."""

    def __init__(self) -> None:
        self.done = Work()
        self._last, self._most = monotonic(), 1
        # sums of weights, passes, seconds, passes squared and passes times seconds
        self._sums = [_SURE, 0.0, _SURE * _USUAL, 0.0, 0.0]

    def rest(self) -> None:
        """The time until now was not spent on passes."""
        self._last = monotonic()

    def took(self, passes: int) -> float:
        """A micro-batch took the time since then; return when it ended."""
        now, weight = monotonic(), 1 / (1 + passes)
        seconds, self._last = now - self._last, now
        self._most, self.done = max(self._most, passes), self.done + Work(passes, 1)
        for place, value in enumerate((1.0, passes, seconds, passes * passes, passes * seconds)):
            self._sums[place] += weight * value
        return now

    def at_the_usual(self, work: Work) -> float:
        """The passes of the usual length so far that take as long as some work to come."""
        if not self.done.passes:
            return work.passes
        weight, passes, seconds, squares, products = self._sums
        spread = weight * squares - passes * passes
        each = max(0.0, (weight * products - passes * seconds) / spread) if spread else 0.0
        a_call = max(0.0, (seconds - each * passes) / weight)
        usual = each + a_call * self.done.calls / self.done.passes
        calls = max(work.calls, work.passes / self._most)
        return (each * work.passes + a_call * calls) / usual if usual else work.passes
