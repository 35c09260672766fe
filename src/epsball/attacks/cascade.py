"""Attacks one after the other, each on the rows that have come near enough to fall, and a second course on some that stand."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import torch

from epsball.attacks.combine import Wrapper
from epsball.errors import InputError
from epsball.geometry import NORMS, linf
from epsball.oracle.access import Access
from epsball.oracle.batching import IMAGE_DIMENSIONS
from epsball.oracle.work import Work
from epsball.validation import checked_settings, positive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number

Paid: TypeAlias = Literal["", "search", "searches", "scatter", "much scatter"]
"""What must have lowered a row's margin for a stage to be run on it; nothing where it is empty."""

_NEAR = 0.1
"""Share of the clean margin below which a row that stands is noted as near: nearly all that fall later come from there."""
_PAID_BY_SEARCH = 0.01
"""Share of its margin that a row must have lost in its last search: rows whose gradients lead on lose hardly any."""
_PAID_BY_SEARCHES = 0.2
"""Share that all searches together must have taken, each of what the row had left."""
_PAID_BY_SCATTER = 0.05
"""Share of its margin that a row must have lost since the first ascent from a scattered start: with honest gradients few lose it."""
_MUCH = 0.25
"""The same where such starts are what it falls to."""
_HARDLY_ANY = 0.005
"""Share of the standing rows that stages where something has paid are usually run on."""
_GOES_ON = 0.93
"""Of the rows that something has paid on, or that move, the share of which that is still true one such stage later."""
_LESS, _PATIENCE, _CLOSE = 0.95, 300, 0.02
"""A row moves while its margin falls to this share of what it was in so many passes, or is at most this share of the clean one."""


@dataclass(frozen=True)
class Stage:
    """One attack of a cascade.

    Args:
        attack: what searches.
        near: it is run on the rows of which at most this share of the clean margin, z_y - max_{k != y} z_k at the input, is left at the
            nearest point known.
        onward: whether it begins at that point.
        scattered: whether what it brings counts as that of scattered starts.
        paid: "search", to run it only where the last stage that searched, from the nearest point known, has lowered the margin;
            "searches", where they have lowered it by much in all; "scatter" or "much scatter", where scattered starts have lowered it.
        moving: whether it is run only on rows whose margin still falls.
        norms: those in which it is run, as far as the attack is defined for them.
    """

    attack: Attack
    near: Number = positive(math.inf, infinite=True)
    onward: bool = False
    scattered: bool = False
    paid: Paid = ""
    moving: bool = False
    norms: tuple[str, ...] = tuple(NORMS)


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
            _refuse_unknown(stage)

    @property
    def members(self) -> tuple[Attack, ...]:
        return tuple(stage.attack for stage in self.stages)

    @property
    def access(self) -> Access:  # type: ignore[override]
        """Scores at least: margins say how near a row has come. The nearest errors need no more than the stages do."""
        return super().access if self.minimum_norm else max(super().access, Access.SCORES)

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
        return self.expected_work(1).passes

    def expected_work(self, samples: float) -> Work:
        # stages of other norms only stand for one of these there
        usual = [
            each for each in self.stages if linf.name in each.attack.norms and linf.name in each.norms
        ] or self.stages
        return _usual_work(usual, samples)

    def run(self, ask: Oracle) -> Tensor:
        if self.minimum_norm:
            return self._draw_nearer(ask)
        x = ask.x0
        if not bool(ask.live.any()):
            return x
        ask.foresee(0, self.expected_work(int(ask.live.sum())))
        course = _Course(ask.watch().near)
        stages = self._usable(ask)
        for number, (stage, before) in enumerate(zip(stages, (None, *stages), strict=False), start=1):
            ask.restart()
            known = ask.watch()
            course.note(before, known.near, ask.passes)
            ask.foresee(stage.attack.expected_passes, course.foreseen(stages[number:]))
            chosen = course.calls_for(stage)
            if stage.paid == "search":
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
            each
            for each in self.stages
            if norm in each.attack.norms and norm in each.norms and (images or not each.attack.images_only)
        )


def _refuse_unknown(stage: Stage) -> None:
    for name, given, known in (
        ("paid", {stage.paid}, set(get_args(Paid))),
        ("norms", set(stage.norms), set(NORMS)),
    ):
        if not given or given - known:
            raise InputError(
                f"Stage was given {name}={getattr(stage, name)!r}; expected {', '.join(map(repr, sorted(known)))}"
            )


def _usual_share(stage: Stage) -> float:
    if stage.paid:
        return _HARDLY_ANY
    return min(1.0, stage.near / (8 if stage.moving else 3))


def _usual_work(stages: Iterable[Stage], samples: float) -> Work:
    return sum((stage.attack.expected_work(samples * _usual_share(stage)) for stage in stages), Work())


def _kind(stage: Stage) -> tuple[float, str, bool]:
    return stage.near, stage.paid, stage.moving


class _Course:
    """What each row has been through: what brought it nearer, by how much, and when it last came nearer."""

    def __init__(self, near: Tensor) -> None:
        self.near: Tensor = near
        self.unsearched: Tensor = torch.ones_like(near)
        self.unscattered: Tensor | None = None
        self.paid = {name: torch.zeros_like(near, dtype=torch.bool) for name in get_args(Paid)}
        self.mark: Tensor = near
        self.since: Tensor = torch.zeros(near.shape, dtype=torch.int64, device=near.device)
        self.passes: Tensor = self.since

    def note(self, stage: Stage | None, near: Tensor, passes: Tensor) -> None:
        """Take note of what a stage left, `(N,)`, and of the passes in all."""
        asked = passes > self.passes
        if stage is not None and stage.onward and stage.attack.access <= Access.SCORES:
            left = torch.where(asked & (self.near > 0), near / self.near, 1.0)
            self.unsearched = self.unsearched * left
            self.paid["search"] = torch.where(asked, left < 1 - _PAID_BY_SEARCH, self.paid["search"])
            self.paid["searches"] = self.unsearched < 1 - _PAID_BY_SEARCHES
        if stage is not None and stage.scattered:
            self.unscattered = self.near if self.unscattered is None else self.unscattered
            for name, share in (("scatter", _PAID_BY_SCATTER), ("much scatter", _MUCH)):
                self.paid[name] = near < (1 - share) * self.unscattered
        fell = near < _LESS * self.mark
        self.mark, self.since = torch.where(fell, near, self.mark), torch.where(fell, passes, self.since)
        self.near, self.passes = near, passes

    def foreseen(self, stages: tuple[Stage, ...]) -> Work:
        """What later stages will take, as far as the rows' margins tell now."""
        standing, work = (self.near > 0) & self.near.isfinite(), Work()
        if not bool((self.near < 1).any()):  # nothing is known yet
            return _usual_work(stages, int(standing.sum()))
        # stages of a kind are run on the same rows, which are counted once
        for (_, paid, moving), group in itertools.groupby(sorted(stages, key=_kind), key=_kind):
            alike = list(group)
            rows, goes_on = float((self.calls_for(alike[0]) & standing).sum()), _GOES_ON if paid or moving else 1.0
            for number, stage in enumerate(alike, start=1):
                work += stage.attack.expected_work(rows * goes_on**number)
        return work

    def calls_for(self, stage: Stage) -> Tensor:
        """The rows that a stage is run on, `(N,)`."""
        chosen = self.near <= stage.near
        if stage.paid:
            chosen = chosen & self.paid[stage.paid]
        if stage.moving:
            chosen = chosen & ((self.passes - self.since <= _PATIENCE) | (self.near <= _CLOSE))
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
    share: Number = positive(0.05)

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    @property
    def maximises(self) -> bool:
        return False

    @property
    def expected_passes(self) -> float:
        return self.expected_work(1).passes

    def expected_work(self, samples: float) -> Work:
        return self.attack.expected_work(samples * self.share)

    def run(self, ask: Oracle) -> Tensor:
        drawn = ask.draw().uniform(1).squeeze(1) < self.share
        with ask.among(drawn, afresh=True):
            return self.attack.run(ask)
