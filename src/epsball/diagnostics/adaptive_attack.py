"""What no program can decide, said of every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "adaptive",
    "INFO",
    Outcome,
    remedy="if the model is defended, write an attack against that defence and add it to the suite",
)
def adaptive_attack(run: Outcome) -> Iterator[Observation]:
    """An attack from outside the library should take part: only such a one can be written against a defence."""
    supplied = [name for name, attack in run.traits.items() if attack.third_party]
    if supplied:
        yield Observation(
            f"Adaptive attack: {', '.join(supplied)} supplied",
            "an attack from outside the library took part; whether it is aimed at this defence is for the reader to judge",
            "say what it exploits",
        )
    else:
        yield Observation(
            "Adaptive attack: none supplied",
            "all attacks are the library's own and know nothing of this model's defence",
        )
