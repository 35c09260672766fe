"""One call of an attack: its arguments after validation, the frozen model, and an oracle for every block of rows."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.goal import Goal
from epsball.models.scale import check_scale
from epsball.models.wrap import wrap
from epsball.oracle.batching import Batching, choose_batching
from epsball.oracle.oracle import Oracle
from epsball.oracle.terms import Terms
from epsball.oracle.work import Work
from epsball.validation import (
    checked_count,
    checked_goal,
    checked_ids,
    checked_inputs,
    checked_seed,
    checked_settings,
    checked_start,
    checked_threat,
    given_threat,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from epsball.models.model import Model
    from epsball.oracle.access import Access
    from epsball.oracle.work import Tick
    from epsball.threat import Threat

_IMAGE_DIMENSIONS = 4


class Traits(Protocol):
    """What a call must know of an attack."""

    @property
    def access(self) -> Access: ...
    @property
    def norms(self) -> tuple[str, ...]: ...
    @property
    def minimum_norm(self) -> bool: ...
    @property
    def images_only(self) -> bool: ...
    @property
    def accepts_start(self) -> bool: ...
    @property
    def expected_passes(self) -> float: ...


@dataclass(frozen=True)
class Call:
    """The arguments of one call, checked."""

    model: Model
    x: Tensor
    goal: Goal
    threat: Threat
    terms: Terms
    batching: Batching

    @classmethod
    @torch.inference_mode(mode=False)
    def prepare(
        cls,
        attack: Traits,
        net: Callable[[Tensor], Any] | Model,
        x: Tensor,
        y: Tensor | Goal,
        threat: Threat,
        *,
        seed: int,
        ids: Sequence[int] | Tensor | None,
        queries: int | None,
        start: Tensor | None,
        batching: Batching | None,
        tick: Tick | None = None,
    ) -> Call:
        """Check what a user handed to an attack; arguments and errors are those of `Attack.__call__`."""
        name = type(attack).__name__
        checked_settings(attack)
        seed, threat = checked_seed(seed), given_threat(threat)
        if threat.norm.name not in attack.norms:
            raise InputError(f"{name} was asked for {threat.norm.name}; it is defined for {', '.join(attack.norms)}")
        threat = threat.to(x.device).on(x) if isinstance(x, Tensor) else threat
        model, x = wrap(net), checked_inputs(x, threat)
        if attack.images_only and x.ndim != _IMAGE_DIMENSIONS:
            raise InputError(f"{name} was given inputs of shape {tuple(x.shape)}; it needs images (N, C, H, W)")
        checked_threat(threat, len(x), need_budget=not attack.minimum_norm, attack=name)
        goal = checked_goal(y if isinstance(y, Goal) else Goal(y), len(x), x.device)
        if start is not None and not attack.accepts_start:
            raise InputError(
                f"{name} was given starting points and has a start of its own; leave start= out, or use PGD"
            )
        check_scale(model, x)
        terms = Terms(
            access=attack.access,
            seed=seed,
            ids=checked_ids(ids, len(x), x.device),
            queries=None if queries is None else checked_count(queries, "queries"),
            start=checked_start(start, x),
            minimise=attack.minimum_norm,
            tick=tick,
            expected_passes=attack.expected_passes,
            foreign=type(attack).__module__.partition(".")[0] != "epsball",
        )
        return cls(model, x, goal, threat, terms, batching or choose_batching(model, x))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the model and make gradients possible, whatever mode the caller is in."""
        channels_last = self.batching.channels_last
        with torch.inference_mode(mode=False), torch.enable_grad(), self.model.frozen(channels_last=channels_last):
            yield

    def oracles(self, *, remember: bool) -> Iterator[Oracle]:
        """Yield an oracle for every block of rows; without successes to remember nothing is ever packed."""
        size = self.batching.block_size if remember else self.batching.batch_size
        for first in range(0, len(self.x), size):
            block = slice(first, first + size)
            start = None if self.terms.start is None else self.terms.start[block]
            tick = self._with_later(max(0, len(self.x) - first - size))
            terms = replace(self.terms, ids=self.terms.ids[block], start=start, remember=remember, tick=tick)
            yield Oracle(
                self.model, self.x[block], self.goal[block], self.threat[block], batching=self.batching, terms=terms
            )

    def _with_later(self, rows: int) -> Tick | None:
        """The caller's tick, with the passes expected for the rows of later blocks added."""
        tick, later = self.terms.tick, Work(rows * self.terms.expected_passes)
        return None if tick is None else lambda passes, coming: tick(passes, lambda: coming() + later)
