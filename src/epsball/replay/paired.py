"""Rows run again on another machine or under other versions: is the replay stronger or weaker than the record?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from epsball.record.columns import positions
from epsball.record.evaluation import ATTACK_COLUMNS, AttackRows
from epsball.record.selection import Selection
from epsball.replay.compared import Test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from epsball.replay.compared import Again
    from epsball.replay.opened import Opened

LEVEL = 1e-3
"""A record is refused where chance alone gives such a difference this rarely, over all tests of both looks together."""
LOOKS = 2
SUSPECT = 0.2
"""A test below this, as 4 of 4 to one side are, asks for a second look, at more samples."""
NEARER = 0.01
"""A distance counts as another one from this fraction of it on."""


class Paired:
    """Counts what differs, and tests whether it differs to one side.

    In another environment the last bits of sums are others, and a search that follows them ends elsewhere; which side that helps is
    chance. Each sample goes through its own cascade again: an attack is run on it where none before it in the replay succeeded.

    Args:
        run: the record.
        ids: of the samples that were drawn.
        again: (name of the attack, places of samples) -> what it finds there now.
    """

    def __init__(self, run: Opened, ids: NDArray[np.int64], again: Again) -> None:
        self._run, self._again = run, again
        self._at = run.places(ids)
        self._upper = np.full(len(ids), np.inf)
        self._recorded = np.full(len(ids), np.inf)
        self._ids = ids
        self._tests: list[Test] = []
        self.rows: int = 0
        self.again: int = 0
        self.differing: dict[str, int] = dict.fromkeys(ATTACK_COLUMNS, 0)

    def attack(self, name: str) -> None:
        """Run the attack on the drawn samples that stand, and where it is unfinished or chose them, on those of the record."""
        plan = self._run.plan.attacks[name]
        recorded = AttackRows.join([part.rows for part in self._run.parts if part.attack == name])
        there = np.isin(self._ids, recorded.id)
        everyone = plan.minimum_norm or self._run.plan.every_sample
        standing = np.ones_like(there) if everyone else self._upper > float(self._run.plan.threat.eps)
        selected = Selection.of(plan) is not None  # after attacks on all samples of the record
        wanted = there if selected or not self._run.manifest.complete else standing
        if wanted.any():
            now = self._again(name, self._at[wanted]).rows
            self._upper[wanted] = np.minimum(self._upper[wanted], now.distance)
            both = np.isin(now.id, recorded.id)
            self._compare(name, recorded.those(positions(recorded.id, now.id[both])), now.those(both))
        mine = recorded.id[np.isin(recorded.id, self._ids)]
        at = np.searchsorted(self._ids, mine)
        self._recorded[at] = np.minimum(self._recorded[at], recorded.distance[positions(recorded.id, mine)])

    def _compare(self, name: str, recorded: AttackRows, now: AttackRows) -> None:
        self.rows += len(now)
        for column, values in recorded.columns().items():
            self.differing[column] += int((values != now.columns()[column]).sum())
        self._test(f"successes of {name}", now.success.astype(float), recorded.success.astype(float))
        for count in ("queries", "gradients"):
            self._test(f"{count} of {name}", getattr(now, count).astype(float), getattr(recorded, count).astype(float))

    def _test(self, what: str, now: NDArray[np.float64], recorded: NDArray[np.float64]) -> None:
        self._tests.append(Test(what, int((now > recorded).sum()), int((now < recorded).sum()), len(now)))

    @property
    def failed(self) -> bool:
        """Whether more rows need not be run: the tests are made over all."""
        return False

    @property
    def suspect(self) -> bool:
        """Whether more samples should be drawn: something differs to one side, and too few were looked at to refuse the record."""
        return not self.problems() and any(test.p < SUSPECT for test in self.tests())

    def tests(self) -> tuple[Test, ...]:
        """Of the samples that stand, of the distances of minimum-norm attacks, and of the columns of each attack."""
        return (*self._of_samples(), *self._tests)

    def _of_samples(self) -> Iterator[Test]:
        eps, n = float(self._run.plan.threat.eps), len(self._ids)
        if not self._run.manifest.complete:
            return
        if np.isfinite(eps):
            now, recorded = self._upper > eps, self._recorded > eps
            yield Test("robust samples", int((now & ~recorded).sum()), int((recorded & ~now).sum()), n)
        if self._run.plan.minimum_norm:
            farther = self._upper > self._recorded * (1 + NEARER)
            nearer = self._recorded > self._upper * (1 + NEARER)
            yield Test("distances", int(farther.sum()), int(nearer.sum()), n)

    def problems(self) -> list[str]:
        """A sentence for each test in which chance alone gives such a difference too rarely; those of both looks share the level."""
        tests = self.tests()
        count = LOOKS * len(tests)
        return [
            f"the replay differs to one side, {test} by the exact paired test, below {LEVEL} / {count}"
            for test in tests
            if test.p < LEVEL / count
        ]
