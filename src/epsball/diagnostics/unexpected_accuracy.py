"""D53."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.record.statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

COARSEST = Decimal("0.01")
"""Accuracies are quoted to a percent at least."""


@check(
    "D53",
    "FAIL",
    Preflight,
    remedy="usual causes are the normalisation (--mean, --std; D52 names a usual one), the order of the classes (D41), the size "
    "to which pictures are cut, or other weights or data; --anyway measures robustness nevertheless",
    ends=True,
)
def unexpected_accuracy(given: Preflight) -> Iterator[Observation]:
    """Clean accuracy must be what was expected, where that was said: within its 95 % interval and the rounding of the figure."""
    if given.expected is not None:
        yield from unlike(given.expected, int((given.clean == given.y.cpu().numpy()).sum()), len(given.y))


def unlike(expected: float, right: int, n: int) -> Iterator[Observation]:
    """What is to be said where so many of n samples classified correctly are not the expected fraction."""
    low, high = wilson(right, n)
    rounding = float(min(COARSEST, Decimal(1).scaleb(int(Decimal(repr(expected)).as_tuple().exponent)))) / 2
    if low - rounding <= expected <= high + rounding:
        return
    yield Observation(
        f"Clean accuracy is {100 * right / n:.1f} % and {100 * expected:g} % was expected",
        f"{right} of {n} samples are classified correctly, 95 % interval {100 * low:.1f} % to {100 * high:.1f} %",
    )
