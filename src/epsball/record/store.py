"""Where an evaluation keeps what it has found, so that it can go on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from epsball.record.blocks import Rows
    from epsball.record.evaluation import AttackRows, Finding
    from epsball.record.examples import Images
    from epsball.record.plan import Plan

Notes = dict[str, list[Any]]
"""What is to be remembered about a chunk beside its rows, by name: lists of numbers."""


class Store(Protocol):
    """One run, written chunk by chunk: a chunk is a piece of the samples of one stage, a stage one attack or certificate.

    What was written is given back by the reading methods, and None where it is still to be computed.
    """

    def close(self) -> None:
        """Let others write."""

    @property
    def complete(self) -> bool:
        """Whether the run was finished."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds spent so far, by stage."""

    @property
    def images(self) -> Images | None:
        """The inputs and adversarial examples of what was written; None where they are not kept."""

    def write_inputs(self, x: Rows, y: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """Store the clean inputs (n, C, H, W), their labels and ids, once."""

    def extend(self, plan: Plan, x: Rows, y: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """The run is about more samples from now on: a round of them begins, after those that were there before."""

    def drop_round(self) -> None:
        """Undo the last `extend`, and forget what was written since."""

    def read_clean(self) -> Mapping[str, NDArray[Any]] | None:
        """Ids, labels and predictions of the clean inputs."""

    def write_clean(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Store ids, labels and predictions of the clean inputs, once."""

    def write_findings(self, findings: Sequence[Finding]) -> None:
        """Store what is known before the first attack."""

    def read_chunk(self, stage: str, number: int) -> AttackRows | None:
        """The rows of a finished chunk of an attack."""

    def write_chunk(
        self,
        stage: str,
        number: int,
        rows: AttackRows,
        examples: tuple[NDArray[np.int64], NDArray[Any]],
        seconds: float,
        notes: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Store one chunk of an attack: its rows, ids and inputs of its adversarial examples, and notes about it."""

    def notes(self, stage: str, number: int) -> Notes:
        """The notes about a finished chunk."""

    def read_columns(
        self, stage: str, number: int, kinds: Mapping[str, type[np.generic]]
    ) -> Mapping[str, NDArray[Any]] | None:
        """The columns of a finished chunk of a stage that has no examples, each in its own type."""

    def write_columns(self, stage: str, number: int, columns: Mapping[str, NDArray[Any]], seconds: float) -> None:
        """Store one chunk of a stage that has no examples, e.g. of a certificate."""

    def finish(self, columns: Mapping[str, NDArray[Any]], findings: Sequence[Finding]) -> None:
        """Store the final columns of the samples and the findings, and mark the run complete."""
