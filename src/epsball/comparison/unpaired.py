"""Two runs on different samples: less can be told, and this is it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.record.statistics import unequal, unpaired_difference

if TYPE_CHECKING:
    from epsball.record.proportion import Proportion


@dataclass(frozen=True)
class Unpaired:
    """What stands in each of two runs that share no sample, or of which nothing shows that they do."""

    first: Proportion
    second: Proportion

    @property
    def difference(self) -> float:
        """The second run's fraction less the first's."""
        return float(self.second) - float(self.first)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Newcombe's interval of the difference over the choice of both sets of samples."""
        return unpaired_difference(*self._counts, level)

    @property
    def p_value(self) -> float:
        """How likely so large a difference is if both are equally robust: Fisher's exact test, two-sided."""
        return unequal(*self._counts)

    @property
    def _counts(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return (self.first.times, self.first.n), (self.second.times, self.second.n)
