"""So many of so many samples: the form in which every accuracy is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.record.statistics import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Proportion:
    """`times` of `n` samples."""

    times: int
    n: int

    @classmethod
    def of(cls, which: NDArray[np.bool_]) -> Proportion:
        """Of the samples `(n,)` those that are."""
        return cls(int(which.sum()), len(which))

    def __float__(self) -> float:
        return self.times / self.n

    def __repr__(self) -> str:
        low, high = self.interval()
        return f"{float(self):.1%} ({low:.1%} to {high:.1%}, {self.times} of {self.n})"

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Wilson's interval over the choice of samples."""
        return wilson(self.times, self.n, level)
