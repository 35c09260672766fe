"""Attacks one after the other, each on the rows that have come near enough to fall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.attacks.combine import Wrapper
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class Stage:
    """One attack of a cascade.

    Args:
        attack: what searches.
        near: it is run on the rows of which at most this share of the clean margin is left at the nearest point known.
        onward: whether it begins at that point.
    """

    attack: Attack
    near: float = positive(math.inf)
    onward: bool = False


@dataclass(frozen=True, init=False)
class Cascade(Wrapper):
    """Run attacks in turn on the rows that stand and have come near: margin at the nearest point known <= near * clean margin.

    What a row costs depends on its own numbers and these stages only, not on the rows beside it.

    Args:
        stages: what is run, in this order.
    """

    starts_at_input = True
    stages: tuple[Stage, ...]

    def __init__(self, *stages: Stage) -> None:
        object.__setattr__(self, "stages", stages)
        self.__post_init__()

    @property
    def members(self) -> tuple[Attack, ...]:
        return tuple(stage.attack for stage in self.stages)

    def run(self, ask: Oracle) -> Tensor:
        ask.watch()
        x = ask.x0
        for stage in self.stages:
            ask.restart()
            known = ask.known
            with ask.among(known.near <= stage.near, known.x if stage.onward else None):
                x = ask.finish(stage.attack.run(ask))
        return x
