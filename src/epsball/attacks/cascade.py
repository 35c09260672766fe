"""Attacks one after the other, each on the rows that have come near enough to fall, and a second course on some that stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.combine import Wrapper
from epsball.geometry import NORMS, linf
from epsball.oracle.access import Access
from epsball.oracle.batching import IMAGE_DIMENSIONS
from epsball.validation import checked_settings, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.oracle.oracle import Oracle

_NEAR = 0.1
"""Share of the clean margin below which a row that stands is noted as near: nearly all that fall later come from there."""
_WORTH = 0.02
"""Share of the clean margin by which search must have lowered a row's to be worth going on with."""
_FEW, _VERY_FEW = 0.08, 0.005
"""Shares of the standing rows that stages for near ones, and those where search pays, are usually run on."""
_STILL_WORTH = 0.001
"""The same for what search has brought lately."""
_FADES = 0.5
"""What a gain still counts after each further stage of search."""


@dataclass(frozen=True)
class Stage:
    """One attack of a cascade.

    Args:
        attack: what searches.
        near: it is run on the rows of which at most this share of the clean margin, z_y - max_{k != y} z_k at the input, is left at the
            nearest point known.
        onward: whether it begins at that point.
        searched: whether it is run only where stages that begin at the nearest point known have lowered the margin by more than
            gradients from elsewhere; such a stage itself, only as long as that goes on.
    """

    attack: Attack
    near: float = positive(math.inf, infinite=True)
    onward: bool = False
    searched: bool = False


@dataclass(frozen=True, init=False)
class Cascade(Wrapper):
    """Run attacks in turn on the rows that stand and have come near: margin at the nearest point known <= near * clean margin.

    Minimum-norm attacks are run on all rows, and begin onward at the nearest error. Stages that are not defined for the norm or for the
    inputs are left out. What a row costs depends on its own numbers and these stages only, not on the rows beside it. Source: none; the
    measurements are in docs/decisions/standard-suite.md.

    Args:
        stages: what is run, in this order.

    Raises:
        InputError: no stages, attacks inside a ball together with minimum-norm ones, or a setting that means nothing.
    """

    starts_at_input = True

    stages: tuple[Stage, ...]

    def __init__(self, *stages: Stage) -> None:
        object.__setattr__(self, "stages", stages)
        self.__post_init__()
        for stage in stages:
            checked_settings(stage)

    @property
    def members(self) -> tuple[Attack, ...]:
        return tuple(stage.attack for stage in self.stages)

    @property
    def norms(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(norm for norm in NORMS if any(norm in member.norms for member in self.members))

    @property
    def images_only(self) -> bool:  # type: ignore[override]
        return all(member.images_only for member in self.members)

    @property
    def maximises(self) -> bool:
        return False

    @property
    def accepts_start(self) -> bool:  # type: ignore[override]
        return False

    @property
    def expected_passes(self) -> float:
        # stages of other norms only stand for one of these there
        usual = [stage for stage in self.stages if linf.name in stage.attack.norms] or self.stages
        return sum(_usual_share(stage) * stage.attack.expected_passes for stage in usual)

    def run(self, ask: Oracle) -> Tensor:
        if self.minimum_norm:
            return self._draw_nearer(ask)
        x = ask.x0
        if not bool(ask.live.any()):
            return x
        gains = _Gains(ask.watch().near)
        stages = self._usable(ask)
        for stage, before in zip(stages, (None, *stages), strict=False):
            ask.restart()
            known = ask.watch()
            gains.note(before, known.near)
            chosen = gains.calls_for(stage)
            if stage.searched:
                ask.note("searched", chosen)
            with ask.among(chosen, known.x if stage.onward else None):
                x = ask.finish(stage.attack.run(ask))
        ask.note("near", (ask.watch().near <= _NEAR) & ask.distance.isinf())
        return x

    def _draw_nearer(self, ask: Oracle) -> Tensor:
        ask.check_inputs()
        x = ask.x0
        for stage in self._usable(ask):
            ask.restart()
            with ask.among(ask.live, ask.best if stage.onward else None):
                x = ask.finish(stage.attack.run(ask))
        return x

    def _usable(self, ask: Oracle) -> tuple[Stage, ...]:
        norm, images = ask.threat.norm.name, ask.x0.ndim == IMAGE_DIMENSIONS
        return tuple(
            each for each in self.stages if norm in each.attack.norms and (images or not each.attack.images_only)
        )


def _usual_share(stage: Stage) -> float:
    if stage.searched:
        return _VERY_FEW
    return _FEW if stage.near < 1 else 1.0


class _Gains:
    """By how much of its clean margin each row came nearer by search and, since the first search, by gradients from elsewhere."""

    def __init__(self, near: Tensor) -> None:
        self.near: Tensor = near
        self.search: Tensor = torch.zeros_like(near)
        self.slope: Tensor = torch.zeros_like(near)
        self.lately: Tensor = torch.ones_like(near)
        self.searching = False

    def note(self, stage: Stage | None, near: Tensor) -> None:
        """Take note of what a stage left, `(N,)`."""
        gain, self.near = self.near - near, near
        if stage is None:
            return
        if stage.searched and stage.onward:
            self.lately = _FADES * self.lately + gain
        self.searching |= stage.attack.access <= Access.SCORES
        if self.searching and stage.onward:
            self.search = self.search + gain
        elif self.searching:
            self.slope = self.slope + gain

    def calls_for(self, stage: Stage) -> Tensor:
        """The rows that a stage is run on, `(N,)`."""
        chosen = self.near <= stage.near
        if stage.searched:
            chosen = chosen & (self.search > self.slope) & (self.search > _WORTH)
        if stage.searched and stage.onward:
            chosen = chosen & (self.lately > _STILL_WORTH)
        return chosen


@dataclass(frozen=True)
class Sampled(Wrapper):
    """Run an attack with fresh random numbers on a random share of the rows: what another course would bring on all of them.

    Args:
        attack: what is run.
        share: the share of rows that are drawn, each by its own number.

    Raises:
        InputError: a share that is not positive.
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
