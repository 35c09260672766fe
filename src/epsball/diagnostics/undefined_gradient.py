"""D31."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D31",
    "WARN",
    Outcome,
    remedy="look for a root, a power or a logarithm at 0 in front of the network, and give it a gradient that is finite there",
)
def undefined_gradient(run: Outcome) -> Iterator[Observation]:
    """No entry of a gradient must be NaN or infinite; such entries are taken as 0, so that their features are not moved."""
    seen = {name: counts for name, counts in run.undefined.items() if counts}
    if seen:
        yield Observation(
            "Some entries of the gradients were NaN or infinite and were taken as 0",
            "; ".join(f"{name}: {sum(counts):,} entries, of {len(counts)} samples" for name, counts in seen.items()),
        )
