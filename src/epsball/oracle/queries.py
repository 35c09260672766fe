"""Queries of the model: who is asked, what it costs, and what it says about success."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.models.rejection import REJECT, without_rejection
from epsball.oracle.best import Best
from epsball.oracle.counts import Counts
from epsball.oracle.forward import Local, forward
from epsball.oracle.live import Live, version
from epsball.validation import checked_logits, finite_logits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from epsball.goal import Goal
    from epsball.models.model import Model
    from epsball.oracle.batching import MicroBatches
    from epsball.oracle.forward import Answer
    from epsball.oracle.known import Known
    from epsball.oracle.terms import Terms
    from epsball.threat import Threat


class _Last(NamedTuple):
    """The last question: its points, their version, and the rows that it was about."""

    x: Tensor
    version: int
    held: Tensor
    goal: Goal
    queried: Tensor


class Queries:
    """Sends points to the model and keeps count of queries, gradients and the best success of every sample.

    Args:
        model: the classifier, frozen by the caller.
        x0: the clean inputs `(N, …)`.
        threat: where a success counts.
        batches: how rows are cut.
        terms: the attack's terms.
    """

    def __init__(self, model: Model, x0: Tensor, threat: Threat, batches: MicroBatches, terms: Terms) -> None:
        self.model: Model = model
        self._batches, self._terms = batches, terms
        self._movable = threat.movable(x0)
        self.best: Best = Best(x0, threat, minimise=terms.minimise)
        self.counts: Counts = Counts(len(x0), x0.device, terms)
        self.classes: int = 0
        self.known: Known | None = None
        self._last: _Last | None = None
        self._live: Live | None = None

    def live(self, held: Tensor) -> Live:
        """Which held rows are still queried: their search goes on and their budget of queries is not spent."""
        if self._terms.queries is not None:
            return Live.of(self.best.alive, held, self._affords(self.counts.queries[held]))
        if self._live is None or not self._live.still(self.best.alive, held):
            self._live = Live.of(self.best.alive, held)
        return self._live

    def _affords(self, spent: Tensor, points: Tensor | int = 1) -> Tensor:
        """Whether the budget allows so many more points of samples that have `spent` queries, `(k,)`."""
        return spent + self._terms.price(self.model.cost) * points <= (self._terms.queries or torch.inf)

    def settle(self, x: Tensor, held: Tensor, goal: Goal) -> None:
        """Ask for the decisions at the last points of a search, `(n, …)`, but for those that the last question was about."""
        last = self._last
        known = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        if (
            last is not None
            and last.held is held
            and last.goal is goal
            and last.x.shape == x.shape
            and not _changed(last)
        ):
            known = last.queried & (last.x == x).flatten(1).all(1)
        self.decisions(x, held, goal, ~known)

    def confirm(self, goal: Goal) -> None:
        """End a search: a success within rounding counts if nothing clearer was found and a second query shows it again.

        Args:
            goal: of all samples.
        """
        best = self.best
        undecided = best.undecided()
        if not len(undecided):
            return
        affordable = self._affords(self.counts.queries[undecided])
        again = undecided[affordable]

        def one(at: Tensor | slice) -> tuple[Tensor, ...]:
            rows = again[at]
            points = best.close["x"][rows]
            return self._pass(points, rows, goal[rows], _decision, (), 1, differentiate=False)

        shown = self._batches.gather(None, len(again), one, None)
        best.decide(torch.cat((undecided[~affordable], again[shown[0]] if shown else again)))

    def decisions(self, x: Tensor, held: Tensor, goal: Goal, where: Tensor | None) -> Tensor:
        """Whether each point `x` `(n, …)` or `(n, m, …)` is a success, of the same lead; arguments are those of `ask`."""
        several = x.ndim > self.best.x0.ndim
        into = (torch.zeros(x.shape[: 1 + several], dtype=torch.bool, device=x.device),)
        return self.ask(x, held, goal, None, (), differentiate=False, into=into, where=where)[0]

    def ask(
        self,
        x: Tensor,
        held: Tensor,
        goal: Goal,
        answer: Answer | None,
        row_tensors: tuple[Tensor, ...],
        *,
        differentiate: bool,
        into: tuple[Tensor, ...] | None = None,
        where: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Return what `answer` says at the points `x` of the live rows, put together again.

        Args:
            x: points `(n, …)`, or m points a row, `(n, m, …)`.
            held: the rows' samples `(n,)`.
            goal: of these rows.
            answer: what is wanted of a micro-batch; None for whether its points are successes.
            row_tensors: handed to `answer`, `(n, …)` each.
            differentiate: whether gradients can be asked for.
            into: the answers of rows that are not queried; may be written over.
            where: `(n,)` limits the question to some rows.

        Raises:
            InputError: points of another number of rows than the attack holds.
        """
        if len(x) != len(held):
            raise InputError(
                f"the attack asked about {len(x)} rows and holds {len(held)}; hand every row tensor to ask.keep, "
                "so that finished rows are dropped from all of them alike"
            )
        known = self.live(held)
        live = known.rows if where is None else known.rows & where
        every = where is None and known.total == len(held)
        self._last = _Last(x, version(x), held, goal, live)
        if self._terms.remember:
            self.best.success.index_fill_(0, held if every else held[live], 0)
        if x.ndim == self.best.x0.ndim:
            return self._sweep(
                x, held, goal, answer, row_tensors, None if every else live, 1, into, differentiate=differentiate
            )
        m = x.shape[1]
        spread = torch.arange(len(x), device=x.device).repeat_interleave(m)
        flat = None if into is None else tuple(t.flatten(0, 1) for t in into)
        for wanted in self._affordable(held, live, m):
            flat = self._sweep(
                x.flatten(0, 1),
                held[spread],
                goal[spread],
                answer,
                tuple(t[spread] for t in row_tensors),
                wanted.flatten(),
                m,
                flat,
                differentiate=differentiate,
            )
        return tuple(t.reshape(len(x), m, *t.shape[1:]) for t in flat or ())

    def _affordable(self, held: Tensor, live: Tensor, m: int) -> Iterator[Tensor]:
        """Yield which of m points a row are asked together, `(n, m)`: as many as its budget allows if each is queried twice.

        So a point that has to be queried again never takes what the next one was promised, whatever the micro-batches.
        """
        place, done = torch.arange(m, device=held.device), torch.zeros_like(held)
        while True:
            if self._terms.queries is None:
                allowed = torch.full_like(done, m)
            else:
                left = (self._terms.queries - self.counts.queries[held]) // self._terms.price(self.model.cost)
                allowed = torch.where(left > 1, left // 2, left)
            until = (done + allowed).clamp_max(m)
            wanted = live[:, None] & (place >= done[:, None]) & (place < until[:, None])
            if not bool(wanted.any()):
                return
            yield wanted
            done = until

    def _sweep(
        self,
        x: Tensor,
        held: Tensor,
        goal: Goal,
        answer: Answer | None,
        row_tensors: tuple[Tensor, ...],
        wanted: Tensor | None,
        m: int,
        into: tuple[Tensor, ...] | None,
        *,
        differentiate: bool,
    ) -> tuple[Tensor, ...]:
        """Ask about all points `x` `(n m, …)` that are `wanted`, every one of them when None, micro-batch by micro-batch."""
        places = None if wanted is None or bool(wanted.all()) else wanted.nonzero().squeeze(1)
        everything = places is None and m == 1 and len(held) == len(self.best.x0)

        def one(at: Tensor | slice) -> tuple[Tensor, ...]:
            if everything and at == slice(0, len(x)):
                return self._pass(x, at, goal, answer, row_tensors, m, differentiate=differentiate)
            samples = at if everything else held[at]
            rows = tuple(t[at] for t in row_tensors)
            return self._pass(x[at], samples, goal[at], answer, rows, m, differentiate=differentiate)

        return self._batches.gather(places, len(x), one, into)

    def _pass(
        self,
        x: Tensor,
        samples: Tensor | slice,
        goal: Goal,
        answer: Answer | None,
        row_tensors: tuple[Tensor, ...],
        m: int,
        *,
        differentiate: bool,
    ) -> tuple[Tensor, ...]:
        """One micro-batch through the model."""
        with forward(self.model, x, self._batches.batching, differentiate=differentiate) as passed:
            leaf, logits, again = passed
            if self.model.outputs == REJECT:
                logits, again = without_rejection(logits, goal), partial(_accepted, again, goal)
            self._check(x, logits.detach(), samples, goal)
            movable = None if self._movable is None else self._movable[samples]
            local = Local(leaf, logits, goal, again, movable)
            reply = answer(local, *row_tensors) if answer is not None else ()
        logits = logits.detach()
        if self._terms.remember:
            self.counts.add(samples, len(x), m, local, self.model.cost, self.best.alive, differentiate=differentiate)
        sure = not (differentiate and self._batches.batching.bfloat16)
        if not self._terms.remember:
            return tuple(t.detach() for t in reply) if answer is not None else (goal.met(logits),)
        successes = self._remembered(x.detach(), samples, goal, logits, m, sure=sure)
        if answer is not None:
            return tuple(t.detach() for t in reply)
        return (torch.zeros(len(x), dtype=torch.bool, device=x.device).index_fill_(0, successes, 1),)

    def _remembered(
        self, x: Tensor, samples: Tensor | slice, goal: Goal, logits: Tensor, m: int, *, sure: bool
    ) -> Tensor:
        """Note what the answers say and return the places of the successes, `(k,)`.

        Points that rounding moved out of the threat, or that are not sure, are queried again.
        """
        if self.known is not None:
            self.known.update(x, samples, goal, logits)
        recorded = self.best.record(x, samples, goal, logits, sure=sure, distinct=m == 1)
        if recorded is None:
            return self.counts.queries[:0]
        if recorded.unsure is None or recorded.x is None:
            return recorded.successes
        again, points = recorded.unsure, recorded.x
        rows = torch.arange(samples.start, samples.stop, device=x.device) if isinstance(samples, slice) else samples
        affordable = self.live(rows[again]).rows if m == 1 else self._first_affordable(rows[again])
        again, points = again[affordable], points[affordable]
        if not len(again):
            return recorded.successes
        met = self._pass(points, rows[again], goal[again], None, (), m, differentiate=False)[0]
        return torch.cat((recorded.successes, again[met]))

    def _first_affordable(self, samples: Tensor) -> Tensor:
        """Which of several points a sample `(k,)` its budget still allows, in their order."""
        earlier = (samples[:, None] == samples[None, :]).tril(-1).sum(1)
        return self._affords(self.counts.queries[samples], earlier + 1)

    def _check(self, x: Tensor, logits: Tensor, samples: Tensor | slice, goal: Goal) -> None:
        finite_logits(logits, self._terms.ids, samples, x)
        if not self.classes:
            checked_logits(logits, goal)
            self.classes = logits.shape[1]


def _decision(local: Local) -> tuple[Tensor, ...]:
    return (local.goal.met(local.logits),)


def _accepted(again: Callable[[], Tensor], goal: Goal) -> Tensor:
    return without_rejection(again(), goal)


def _changed(last: _Last) -> bool:
    return version(last.x) != last.version
