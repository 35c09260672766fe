"""What an attack is expected to take, for estimates of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Work:
    """What a computation is expected to take.

    Args:
        passes: through the model.
        calls: of the model, one after the other, that these passes take at least, however many rows fit into one.
    """

    passes: float = 0.0
    calls: float = 0.0

    def __add__(self, more: Work) -> Work:
        return Work(self.passes + more.passes, self.calls + more.calls)

    def times(self, factor: float) -> Work:
        """So many of these, one after the other."""
        return Work(factor * self.passes, factor * self.calls)


Tick: TypeAlias = Callable[[int, Callable[[], Work]], object]
"""Called after every micro-batch with the passes that it took, and with what tells the work that is expected from then on."""
