"""A run that lives as long as the call that makes it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record.evaluation import CLEAN_COLUMNS, AttackRows
from epsball.record.images import KeptImages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from epsball.record.blocks import Rows
    from epsball.record.evaluation import Finding
    from epsball.record.plan import Plan
    from epsball.record.store import Notes


MOST = 2**30
"""Bytes of inputs from which on they and their adversarial examples are not kept."""


class InMemory:
    """A store of rows and notes, and of the nearest adversarial example of each sample where there is room."""

    def __init__(self) -> None:
        """Nothing is stored yet."""
        self.complete: bool = False
        self.seconds: dict[str, float] = {}
        self.findings: tuple[Finding, ...] = ()
        self._clean: dict[str, NDArray[Any]] | None = None
        self._columns: dict[tuple[str, int], dict[str, NDArray[Any]]] = {}
        self._notes: dict[tuple[str, int], Notes] = {}
        self._inputs: Rows | None = None
        self._places: dict[int, int] = {}
        self._nearest: dict[int, tuple[float, NDArray[Any]]] = {}

    def close(self) -> None:
        """Nobody else can write here."""

    def write_inputs(self, x: Rows, y: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """Keep the inputs of the caller, as far as there is room for examples beside them."""
        del y
        self._inputs = x if math.prod(x.shape) * x.dtype.itemsize <= MOST else None
        self._places = {sample: row for row, sample in enumerate(ids.tolist())}

    def extend(self, plan: Plan, x: Rows, y: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """Keep the inputs, those of the round among them."""
        del plan
        self.write_inputs(x, y, ids)

    def drop_round(self) -> None:
        """Rows of samples that are left out again are never read; the inputs are written at the end."""

    @property
    def images(self) -> KeptImages | None:
        """The inputs and nearest examples of the samples that were fooled; None where there was no room."""
        if self._inputs is None:
            return None
        rows = {sample: self._places[sample] for sample in self._nearest if sample in self._places}
        originals = {sample: self._inputs[row : row + 1][0].copy() for sample, row in rows.items()}
        return KeptImages({sample: (original, self._nearest[sample][1]) for sample, original in originals.items()})

    def read_clean(self) -> Mapping[str, NDArray[Any]] | None:
        """Ids, labels and predictions of the clean inputs."""
        return self._clean

    def write_clean(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Store ids, labels and predictions of the clean inputs, once."""
        self._clean = {name: columns[name] for name in CLEAN_COLUMNS}

    def write_findings(self, findings: Sequence[Finding]) -> None:
        """Store what is known before the first attack."""
        self.findings = tuple(findings)

    def read_chunk(self, stage: str, number: int) -> AttackRows | None:
        """The rows of a finished chunk of an attack."""
        columns = self._columns.get((stage, number))
        return None if columns is None else AttackRows.of(columns)

    def write_chunk(
        self,
        stage: str,
        number: int,
        rows: AttackRows,
        examples: tuple[NDArray[np.int64], NDArray[Any]],
        seconds: float,
        notes: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Store the rows of one chunk of an attack and the notes about it, and those of its examples that are the nearest so far."""
        if self._inputs is not None:
            for sample, distance, x in zip(
                examples[0].tolist(), rows.distance[rows.success].tolist(), examples[1], strict=True
            ):
                if distance < self._nearest.get(sample, (np.inf,))[0]:
                    self._nearest[sample] = distance, x.copy()
        self._notes[stage, number] = {name: list(values) for name, values in (notes or {}).items() if values}
        self.write_columns(stage, number, rows.columns(), seconds)

    def notes(self, stage: str, number: int) -> Notes:
        """The notes about a finished chunk."""
        return self._notes[stage, number]

    def read_columns(
        self, stage: str, number: int, kinds: Mapping[str, type[np.generic]]
    ) -> Mapping[str, NDArray[Any]] | None:
        """The columns of a finished chunk, each in its own type."""
        columns = self._columns.get((stage, number))
        return columns and {name: np.asarray(columns[name], kind) for name, kind in kinds.items()}

    def write_columns(self, stage: str, number: int, columns: Mapping[str, NDArray[Any]], seconds: float) -> None:
        """Store one chunk of a stage that has no examples."""
        self._columns[stage, number] = dict(columns)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def finish(self, columns: Mapping[str, NDArray[Any]], findings: Sequence[Finding]) -> None:
        """Store the findings and mark the run complete; the columns stay with the caller."""
        del columns
        self.write_findings(findings)
        self.complete = True
