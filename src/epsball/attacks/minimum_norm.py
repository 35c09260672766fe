"""The two questions turned into each other: an attack inside a ball that searches for the nearest error, and the reverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.combine import Wrapper
from epsball.attacks.parts.segment import draw_back
from epsball.errors import InputError
from epsball.oracle.access import Access
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class MinimumNorm(Wrapper):
    """Make an attack inside a ball one that looks for the nearest error, by a search over ε for each sample.

    ε doubles until there is a success; then the bracket between the largest ε without one and the nearest success is bisected. Each
    success is drawn back along its segment to the input, and the next search begins at it, put into the smaller ball, if the attack
    accepts starting points.

    Args:
        attack: what searches a ball.
        searches: balls tried.
        first: the first ε as a fraction of the largest distance within the box.
        halvings: bisections of the segment after each search.

    Raises:
        InputError: an attack that looks for the nearest error already.
    """

    attack: Attack
    searches: int = positive(10)
    first: Number = positive(0.1)
    halvings: int = nonnegative(4)

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    @property
    def minimum_norm(self) -> bool:  # type: ignore[override]
        return True

    @property
    def access(self) -> Access:  # type: ignore[override]
        return max(super().access, Access.LABELS)

    @property
    def single_step(self) -> bool:  # type: ignore[override]
        return False

    @property
    def expected_passes(self) -> float:
        return self.searches * (self.attack.expected_passes + self.halvings)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.attack.minimum_norm:
            raise InputError(
                f"MinimumNorm was given {type(self.attack).__name__}, which looks for the nearest error by itself; "
                "use it as it is, or give an attack inside a ball, such as eb.PGD()"
            )

    def run(self, ask: Oracle) -> Tensor:
        largest = ask.threat.largest_budget(ask.x0).minimum(ask.eps.double())
        x = ask.start()
        ask.met(x, where=(x != ask.x0).flatten(1).any(1))
        low, eps = torch.zeros_like(largest), self._usable(ask, (self.first * largest).minimum(ask.distance), largest)
        for search in range(self.searches):
            start = ask.best if search and self.attack.accepts_start else None
            with ask.within(eps, start):
                ask.finish(self.attack.run(ask))
            low = torch.where(ask.distance > eps, eps, low)
            x = draw_back(ask, self.halvings)
            middle = (low + ask.distance) / 2
            middle = torch.where(ask.distance.isinf(), 2 * low, middle)
            eps = self._usable(ask, middle, largest)
        return x

    def _usable(self, ask: Oracle, eps: Tensor, largest: Tensor) -> Tensor:
        """The radii as budgets of the norm, `(n,)`: whole numbers in l0, and enough for a move at all."""
        eps = eps.floor() if ask.threat.norm.name == "l0" else eps
        return eps.clamp_min(ask.threat.smallest_budget).minimum(largest)


@dataclass(frozen=True)
class Within(Wrapper):
    """A minimum-norm attack that is asked whether there is an error within ε: the search for a sample ends at the first one.

    Args:
        attack: what searches.
    """

    attack: Attack

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    @property
    def minimum_norm(self) -> bool:  # type: ignore[override]
        return False

    def run(self, ask: Oracle) -> Tensor:
        with ask.beyond():
            return self.attack.run(ask)
