"""A run that is kept in memory only: the questions of a run folder, answered by one that holds nothing."""

# ruff: noqa: ARG002 (the questions are a run folder's; what is not kept is not used)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from epsball.record.evaluation import AttackRows, Finding


class Nowhere:
    """Has no finished part and stores none; it only keeps the time and the remarks."""

    complete = False

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self.seconds: dict[str, float] = {}
        self._remarks: dict[tuple[str, int], dict[str, list[Any]]] = {}

    def write_inputs(self, x: NDArray[Any], y: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """Store nothing."""

    def read_samples(self) -> dict[str, NDArray[Any]] | None:
        """No earlier session."""

    def write_findings(self, findings: Sequence[Finding]) -> None:
        """Store nothing."""

    def write_samples(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Store nothing."""

    def read_part(self, stage: str, part: int) -> AttackRows | None:
        """No finished part."""

    def write_part(
        self,
        stage: str,
        part: int,
        rows: AttackRows,
        examples: tuple[NDArray[np.int64], NDArray[Any]],
        seconds: float,
        remarks: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Keep the time and the remarks."""
        self._remarks[stage, part] = {name: list(values) for name, values in (remarks or {}).items()}
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def remarks(self, stage: str, part: int) -> dict[str, list[Any]]:
        """What was remarked about a part."""
        return self._remarks[stage, part]

    def read_columns(
        self, stage: str, part: int, kinds: Mapping[str, type[np.generic]]
    ) -> dict[str, NDArray[Any]] | None:
        """No finished part."""

    def write_columns(self, stage: str, part: int, columns: Mapping[str, NDArray[Any]], seconds: float) -> None:
        """Keep the time."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def finish(self, columns: Mapping[str, NDArray[Any]], findings: Sequence[Finding]) -> None:
        """Store nothing."""
