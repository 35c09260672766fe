"""What comparing a replay with a record takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.record.statistics import differ

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from epsball.evaluation.replay_check import Checked

    Again = Callable[[str, NDArray[np.int64]], Checked]


@dataclass(frozen=True)
class Test:
    """An exact paired test, two-sided: of the pairs that differ, in how many the replay has more, and in how many the record."""

    what: str
    more: int
    fewer: int
    n: int

    @property
    def p(self) -> float:
        """How likely a split as uneven is if neither is more."""
        return differ(self.more, self.fewer)

    def __str__(self) -> str:
        return f"{self.what}: more in the replay on {self.more}, in the record on {self.fewer} of {self.n}, p = {self.p:.2g}"
