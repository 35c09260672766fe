"""D40."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.models.fixed_batch import FixedBatch

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("D40", "WARN", Preflight, remedy="export the network with a free first axis: it is right this way, and slow")
def groups(given: Preflight) -> Iterator[Observation]:
    """A network should take any number of rows; one that was exported for batches of one size is asked in groups of it."""
    for network in given.model.modules:
        for part in network.modules():
            if isinstance(part, FixedBatch):
                how = "row by row" if part.size == 1 else f"in groups of {part.size} rows"
                yield Observation(
                    f"The network takes batches of one size and is run {how}", f"first axis of {part.size}"
                )
