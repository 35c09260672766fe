"""Ensembles are attacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.errors import InputError
from epsball.validation import checked_settings

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.threat import Threat


def _take_after(ensemble: Attack, members: tuple[Attack, ...]) -> None:
    """An ensemble sees what its members need, and asks the question that they all ask."""
    if len({member.minimum_norm for member in members}) != 1:
        raise InputError(
            "an ensemble was given no attacks, or some inside a ball together with minimum-norm ones; "
            "expected members of one kind: run the two kinds one after the other"
        )
    for member in members:
        checked_settings(member)
    object.__setattr__(ensemble, "access", max(member.access for member in members))
    object.__setattr__(ensemble, "minimum_norm", members[0].minimum_norm)
    object.__setattr__(
        ensemble, "norms", tuple(n for n in members[0].norms if all(n in member.norms for member in members))
    )


@dataclass(frozen=True)
class Restarts(Attack):
    """Run an attack `n` times with fresh random numbers and keep the best point of every sample.

    Args:
        attack: what is repeated.
        n: how often.
    """

    attack: Attack
    n: int = 10

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InputError(f"restarts were given as {self.n}; expected at least 1")
        _take_after(self, (self.attack,))

    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:
        x = x0
        for _ in range(self.n):
            ask.restart()
            x = self.attack.run(ask, x0, threat)
            ask.met(x)
        return x


@dataclass(frozen=True, init=False)
class Worst(Attack):
    """Run several attacks and keep the best point of every sample over all of them.

    Args:
        attacks: what is run, in this order; put cheap ones first.
    """

    attacks: tuple[Attack, ...]

    def __init__(self, *attacks: Attack) -> None:
        object.__setattr__(self, "attacks", attacks)
        _take_after(self, attacks)

    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:
        x = x0
        for attack in self.attacks:
            ask.restart()
            x = attack.run(ask, x0, threat)
            ask.met(x)
        return x
