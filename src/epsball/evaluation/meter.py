"""How far an evaluation is: in passes through the model, those still to come estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epsball.attacks.base import Attack
    from epsball.progress import Progress


class Meter:
    """Adds up the passes that are done and those that are expected, over all stages of a run.

    A sample costs what its attack says until the first samples of the stage are through, and from then on what those cost.

    Args:
        progress: called with the stage, the passes done and those that there will be, after every micro-batch.
        attacks: the stages to come, by name.
    """

    def __init__(self, progress: Progress, attacks: Mapping[str, Attack]) -> None:
        self._progress = progress
        self._attacks = dict(attacks)
        self._expected = {name: attack.expected_passes for name, attack in attacks.items()}
        self._waiting = dict.fromkeys(attacks, 0)
        self._stage = ""
        self._done = self._before = self._through = self._left = 0
        self._coming = 0.0

    def begin(self, stage: str, samples: int, *, right: int, robust: int) -> None:
        """A stage begins that is about so many samples.

        Args:
            stage: its name.
            samples: how many it takes.
            right: how many are classified correctly, which is what later minimum-norm attacks take.
            robust: how many of them are robust so far, which is what other attacks take.
        """
        self._waiting.pop(stage, None)
        for name in self._waiting:
            self._waiting[name] = right if self._attacks[name].minimum_norm else robust
        self._stage, self._left, self._through, self._before, self._coming = stage, samples, 0, self._done, 0.0
        self._report()

    def chunk(self, samples: int) -> None:
        """So many samples of the stage are begun."""
        self._left -= samples
        self._coming = samples * self._expected.get(self._stage, 1.0)

    def ended(self, samples: int) -> None:
        """Those samples are through."""
        self._through += samples
        self._coming = 0.0
        self._report()

    def tick(self, passes: int, coming: float) -> None:
        """Passes were made, and so many more are expected for the samples that were begun."""
        self._done += passes
        self._coming = coming
        self._report()

    def finish(self) -> None:
        """Nothing is left."""
        self._progress(self._stage, max(self._done, 1), max(self._done, 1))

    def _report(self) -> None:
        spent = self._done - self._before
        each = spent / self._through if self._through else self._expected.get(self._stage, 1.0)
        later = sum(samples * self._expected[name] for name, samples in self._waiting.items())
        self._progress(self._stage, self._done, max(1, self._done + round(self._coming + self._left * each + later)))
