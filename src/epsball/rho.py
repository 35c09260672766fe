"""The paper's robustness of a classifier, and what it cannot be measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Rho(float):
    """ρ = mean |r| / |x| over the correctly classified inputs x != 0 for which an adversarial example x + r was found.

    Moosavi-Dezfooli et al. 2016, arXiv:1511.04599, eq. 15. Deviations: there every input is found, and wrong ones count as well.
    NaN where no input is left.

    Attributes:
        n: inputs that count.
        wrong: inputs left out because they meet the attack's goal as they are: without a target, because they are classified wrongly.
        not_found: correctly classified inputs left out because nothing was found.
        zero: those left out because x = 0, a black image, for which |r| / |x| is infinite.
    """

    n: int
    wrong: int
    not_found: int
    zero: int

    @classmethod
    def of(cls, relative: NDArray[np.float64], right: NDArray[np.bool_], found: NDArray[np.bool_]) -> Rho:
        """The mean over N inputs.

        Args:
            relative: |r| / |x| `(N,)`, infinite where x = 0.
            right: whether an input is classified correctly `(N,)`.
            found: whether an adversarial example of it was found `(N,)`.
        """
        counts = right & found & np.isfinite(relative)
        made = cls(np.mean(relative[counts]) if counts.any() else np.nan)
        made.n = int(counts.sum())
        made.wrong = int((~right).sum())
        made.not_found = int((right & ~found).sum())
        made.zero = int((right & found & ~np.isfinite(relative)).sum())
        return made

    @property
    def left_out(self) -> dict[str, int]:
        """The inputs that do not count, by the reason."""
        return {"wrong": self.wrong, "not found": self.not_found, "zero": self.zero}

    def __repr__(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return f"{float(self):.4g} over {self.n} inputs, left out: {reasons}"
