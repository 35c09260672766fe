"""Attacks one after the other, each on the rows that have come near enough to fall, and a second course on some that stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.combine import Wrapper
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.oracle.oracle import Oracle

_WORTH = 0.02
"""Share of the clean margin by which search must have lowered a row's to be worth going on with."""
_FEW = 0.2
"""Share of the standing rows that a stage for near ones is usually run on."""
_FADES = 0.5
"""What a gain still counts after each further stage of search."""


@dataclass(frozen=True)
class Stage:
    """One attack of a cascade.

    Args:
        attack: what searches.
        near: it is run on the rows of which at most this share of the clean margin is left at the nearest point known.
        onward: whether it begins at that point.
        searched: whether it is run only where stages that begin at the nearest point known have lately lowered the margin, and by
            more than gradients from elsewhere.
    """

    attack: Attack
    near: float = positive(math.inf)
    onward: bool = False
    searched: bool = False


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

    @property
    def maximises(self) -> bool:
        return False

    @property
    def accepts_start(self) -> bool:  # type: ignore[override]
        return False

    @property
    def expected_passes(self) -> float:
        few = (stage.searched or stage.near < 1 for stage in self.stages)
        return sum(
            (_FEW if some else 1) * stage.attack.expected_passes for stage, some in zip(self.stages, few, strict=True)
        )

    def run(self, ask: Oracle) -> Tensor:
        x, gains = ask.x0, _Gains(ask.watch().near)
        for stage, before in zip(self.stages, (None, *self.stages), strict=False):
            ask.restart()
            known = ask.watch()
            gains.note(before, known.near)
            with ask.among(gains.calls_for(stage), known.x if stage.onward else None):
                x = ask.finish(stage.attack.run(ask))
        return x


class _Gains:
    """By how much of its clean margin each row came nearer by search and, since the first search, by gradients from elsewhere."""

    def __init__(self, near: Tensor) -> None:
        self.near: Tensor = near
        self.search: Tensor = torch.zeros_like(near)
        self.slope: Tensor = torch.zeros_like(near)
        self.searching = False

    def note(self, stage: Stage | None, near: Tensor) -> None:
        """Take note of what a stage left, `(N,)`."""
        gain, self.near = self.near - near, near
        if stage is None:
            return
        if stage.searched:
            self.search, self.slope = _FADES * self.search, _FADES * self.slope
        if stage.onward:
            self.search, self.searching = self.search + gain, True
        elif self.searching:
            self.slope = self.slope + gain

    def calls_for(self, stage: Stage) -> Tensor:
        """The rows that a stage is run on, `(N,)`."""
        chosen = self.near <= stage.near
        if stage.searched:
            chosen = chosen & (self.search > self.slope) & (self.search > _WORTH)
        return chosen


@dataclass(frozen=True)
class Sampled(Wrapper):
    """Run an attack with fresh random numbers on a random share of the rows: what another course would bring on all of them.

    Args:
        attack: what is run.
        share: the share of rows that are drawn, each by its own number.
    """

    starts_at_input = True

    attack: Attack
    share: float = positive(0.05)

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    @property
    def maximises(self) -> bool:
        return False

    @property
    def expected_passes(self) -> float:
        return self.share * self.attack.expected_passes

    def run(self, ask: Oracle) -> Tensor:
        drawn = ask.draw().uniform(1).squeeze(1) < self.share
        with ask.among(drawn, afresh=True):
            return self.attack.run(ask)
