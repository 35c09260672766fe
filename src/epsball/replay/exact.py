"""Rows run again where they were made: equal to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.diagnostics import NOTED
from epsball.record.arrays import open_examples
from epsball.record.evaluation import ATTACK_COLUMNS
from epsball.record.manifest import examples_name
from epsball.verification.differences import differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from epsball.evaluation.replay_check import Checked
    from epsball.record.evaluation import AttackRows
    from epsball.replay.compared import Again, Test
    from epsball.replay.opened import Opened, Part


OF_SAMPLES = ("moved", "label", "blind", *NOTED)
"""The notes about a chunk that are ids of samples."""


class Exact:
    """Compares to the last bit.

    Sums of floating-point numbers depend on the shape of the micro-batch, so a few rows alone need not give what they gave among
    others. Where they do not, their whole chunk is run again, whose micro-batches have the shapes that they had in the run.

    Args:
        run: the record.
        ids: of the samples that were drawn.
        again: (name of the attack, places of samples) -> what it finds there now.
    """

    def __init__(self, run: Opened, ids: NDArray[np.int64], again: Again) -> None:
        self._run, self._ids, self._search = run, ids, again
        self._problems: list[str] = []
        self.rows: int = 0
        self.again: int = 0
        self.differing: dict[str, int] = dict.fromkeys(ATTACK_COLUMNS, 0)
        """None: a row that differs is a problem here."""

    def attack(self, name: str) -> None:
        """Run the drawn samples through the attack, as far as it was run on them."""
        for part in self._run.parts:
            drawn = np.isin(part.rows.id, self._ids)
            if part.attack == name and drawn.any():
                self.rows += int(drawn.sum())
                self._chunk(part, drawn)

    def _chunk(self, part: Part, drawn: NDArray[np.bool_]) -> None:
        for which in (drawn, np.ones_like(drawn)):
            rows = part.rows.those(which)
            checked = self._search(part.attack, self._run.places(rows.id))
            found = [
                *(each for column in rows.columns() for each in _column(part.file, column, rows, checked.rows)),
                *self._examples(part, rows, checked),
                *self._notes(part, rows, checked, whole=bool(which.all())),
            ]
            self.again += int(which.sum()) if which is not drawn else 0
            if not found:
                return
            if which.all():
                break
        self._problems += found

    def _examples(self, part: Part, rows: AttackRows, checked: Checked) -> Iterator[str]:
        stored, examples = open_examples(self._run.path / examples_name(part.file))
        mine = np.flatnonzero(np.isin(stored, rows.id))
        ids, x = checked.examples
        if not np.array_equal(stored[mine], ids):
            return  # the column success says so
        for place, one, two in zip(ids, examples[mine], x, strict=True):
            if not np.array_equal(one, two):
                yield f"{part.file}, sample {place}: the replay finds another adversarial example"
                return

    def _notes(self, part: Part, rows: AttackRows, checked: Checked, *, whole: bool) -> Iterator[str]:
        recorded = self._run.manifest.files[part.file].notes
        names = sorted({*recorded, *checked.notes} if whole else OF_SAMPLES)
        for name in names:
            one, two = (_of(notes.get(name, ()), None if whole else rows.id) for notes in (recorded, checked.notes))
            if one != two:
                yield f"{part.file}: the run noted {name} of {_short(one)}, the replay of {_short(two)}"

    @property
    def failed(self) -> bool:
        """Whether something was found that speaks against the record."""
        return bool(self._problems)

    def tests(self) -> tuple[Test, ...]:
        """None is needed."""
        return ()

    def problems(self) -> list[str]:
        """A sentence for each value that is another one."""
        return self._problems


def _column(file: str, column: str, recorded: AttackRows, now: AttackRows) -> Iterator[str]:
    for sentence in differences(file, column, recorded.id, getattr(now, column), getattr(recorded, column)):
        yield sentence.replace(f"{column} is", f"in the replay {column} is").replace("expected", "recorded")


def _of(values: Sequence[Any], ids: NDArray[np.int64] | None) -> list[Any]:
    return list(values) if ids is None else sorted(set(values) & set(ids.tolist()))


def _short(values: Sequence[Any]) -> str:
    return f"{len(values)} ({', '.join(map(str, values[:3]))}{', …' * (len(values) > 3)})" if values else "none"  # noqa: PLR2004
