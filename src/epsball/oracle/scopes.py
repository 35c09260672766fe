"""What an attack may change for a while: the goal, where a success counts, and what the search takes for one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from epsball.goal import Goal
from epsball.models.estimators import eot
from epsball.oracle.best import Best
from epsball.threat import Threat, replace_eps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from epsball.models.model import Model
    from epsball.oracle.queries import Queries
    from epsball.oracle.rows import State
    from epsball.oracle.terms import Terms

_AFRESH = 1 << 48
"""Between the seeds of draws that are to differ."""


class Scopes:
    """The contexts of an oracle."""

    x0: Tensor
    _terms: Terms
    _all: tuple[Tensor, Threat]
    _goal: Goal
    _finished: Tensor | None
    _held: Tensor
    _queries: Queries
    _restarts: int
    _states: list[State]
    _worst: tuple[Tensor, Tensor] | None

    def _hold(self, held: Tensor) -> None:
        raise NotImplementedError

    def restart(self, *, elsewhere: bool = False) -> None:
        """Hold all rows again."""
        raise NotImplementedError

    @contextmanager
    def aim(self, goal: Goal) -> Iterator[None]:
        """Let another goal `(N,)` count within the context, which begins as a search does: with all rows held."""
        before = self._goal, self._worst, self._queries.known
        self._goal, self._worst, self._finished, self._queries.known = goal, None, None, None
        self._states.clear()
        self._hold(torch.arange(len(goal.labels), device=self.x0.device))
        try:
            yield
        finally:
            self._goal, self._worst, self._queries.known = before
            self._hold(self._held)

    @contextmanager
    def beyond(self) -> Iterator[None]:
        """Let errors outside the threat be successes to the search within the context, as they are to a minimising one."""
        best = self._queries.best
        before, best.beyond = best.beyond, True
        try:
            yield
        finally:
            best.beyond = before

    @contextmanager
    def among(self, chosen: Tensor, start: Tensor | None = None, *, afresh: bool = False) -> Iterator[None]:
        """Search for the `chosen` `(N,)` of all rows only in the context, which begins as a search does.

        Args:
            chosen: which rows may be live.
            start: starting points `(N, …)` in place of the caller's.
            afresh: whether draws differ from all those outside.
        """
        before, best = self._terms, self._queries.best
        outer = best.chosen
        terms = before if start is None else replace(before, start=start)
        self._terms = replace(terms, seed=terms.seed + _AFRESH) if afresh else terms
        best.chosen = chosen if outer is None else chosen & outer
        self.restart()
        try:
            yield
        finally:
            self._terms, best.chosen = before, outer

    @contextmanager
    def averaged(self, draws: int) -> Iterator[None]:
        """Ask for the mean of the logits of so many passes within the context, `eb.eot`, which also says what is a success."""
        before = self._queries.model
        self._queries.model = eot(before, draws)
        try:
            yield
        finally:
            self._queries.model = before

    @contextmanager
    def instead(self, change: Callable[[Model], Model]) -> Iterator[None]:
        """Let another model of the same inputs be asked in the context, of which every sample's label is 0.

        What is found there is not kept, and `distance` tells of it in the context only; its passes count as those of the model. Draws
        are those of any other such context, so that in which one a row is asked about changes none of its numbers.
        """
        queries, restarts = self._queries, self._restarts
        before = queries.model, queries.best, queries.classes, queries.known
        goal, worst = self._goal, self._worst
        queries.model, queries.best = change(queries.model), Best(*self._all, minimise=False)
        queries.best.chosen = before[1].chosen
        queries.classes, queries.known = 0, None
        self._goal, self._worst = Goal(torch.zeros_like(goal.labels)), None
        try:
            with queries.model.frozen():
                self.restart()
                yield
        finally:
            queries.model, queries.best, queries.classes, queries.known = before
            self._goal, self._worst, self._restarts = goal, worst, restarts
            self.restart()
            self._restarts = restarts

    @contextmanager
    def within(self, eps: Tensor, start: Tensor | None = None) -> Iterator[None]:
        """Search balls of radii `eps` `(N,)` in the context, from `start` `(N, …)`: a success there ends a row's search.

        The context begins and ends as a search does: with all rows held. Of a minimum-norm search, what is found there is kept.
        """
        before = self._all, self._terms
        self._all = (self._all[0], replace_eps(self._all[1], eps))
        self._terms = self._terms if start is None else replace(self._terms, start=start)
        self._queries.best.search(self._all[1], minimise=False)
        self.restart()
        try:
            yield
        finally:
            self._all, self._terms = before
            self._queries.best.search(self._all[1], minimise=True)
            self.restart()
