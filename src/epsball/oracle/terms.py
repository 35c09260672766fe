"""What a caller allows an attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.oracle.access import Access

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.cost import Cost
    from epsball.oracle.work import Tick


@dataclass(frozen=True)
class Terms:
    """What a caller allows an attack.

    Args:
        access: what it may see of the model.
        seed: of every draw.
        ids: of the samples, `(N,)`.
        queries: forward rows a sample may cost; None for any number.
        start: starting points `(N, …)`, or None.
        minimise: whether rows stay live after a success, in search of a nearer one.
        remember: whether successes are looked for at all; an inner maximisation for training has no use for them.
        tick: called after every micro-batch.
        expected_passes: what a sample that resists usually costs.
        foreign: whether the attack is not the library's own, so that it is noted which errors it does not return.
    """

    access: Access
    seed: int
    ids: Tensor
    queries: int | None = None
    start: Tensor | None = None
    minimise: bool = False
    remember: bool = True
    tick: Tick | None = None
    expected_passes: float = 0.0
    foreign: bool = False

    def price(self, cost: Cost) -> int:
        """Return how many rows a question about one point forwards at most."""
        return cost.differentiated if self.access is Access.GRADIENT else cost.forward
