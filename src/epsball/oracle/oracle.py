"""The only object that calls the model: the verbs an attack may use, answered on the rows that still matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.oracle.access import Access
from epsball.oracle.answers import gradient_of, jacobian, margin, plain_loss, scores
from epsball.oracle.batching import MicroBatches
from epsball.oracle.known import Known
from epsball.oracle.lost import lost
from epsball.oracle.queries import Queries
from epsball.oracle.rows import State
from epsball.oracle.scopes import Scopes
from epsball.randomness import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.goal import Goal
    from epsball.losses import Loss
    from epsball.models.model import Model
    from epsball.oracle.batching import Batching
    from epsball.oracle.forward import Answer
    from epsball.oracle.terms import Terms
    from epsball.oracle.work import Work
    from epsball.threat import Threat

_PACK_BELOW = 0.75
"""Row tensors are packed once less than this fraction of their rows is live: the copies cost at most four times the first size."""


class Oracle(Scopes):
    """Answers questions about the rows that an attack holds: all samples at first, fewer once `keep` drops finished ones.

    Every tensor that goes in or comes out has one row for each row held, and `x0`, `threat`, `goal`, `labels`, `eps`, `live`,
    `success`, `best` and `distance` are of these rows at any time. Finished rows are never sent to the model. Points may
    also be given as `(n, m, …)`, m points a row in one question; the answers are `(n, m, …)` then.

    Attributes:
        x0: the clean inputs `(n, …)`.
        threat: where a success counts.
        goal: what counts as one.
        notes: what the attack said of all samples, `(N,)` each, by name.
    """

    def __init__(
        self, model: Model, x0: Tensor, goal: Goal, threat: Threat, *, batching: Batching, terms: Terms
    ) -> None:
        self._terms = terms
        self._all = (x0, threat)
        self._goal = goal
        self._finished: Tensor | None = None
        self._queries = Queries(model, x0, threat, MicroBatches(batching), terms)
        self._states: list[State] = []
        self._restarts = self._counter = 0
        self._elsewhere = False
        self._worst: tuple[Tensor, Tensor] | None = None
        self.notes: dict[str, Tensor] = {}
        self._hold(torch.arange(len(x0), device=x0.device))

    def _hold(self, held: Tensor) -> None:
        x0, threat = self._all
        everything = len(held) == len(x0)
        self._held = held
        self.x0: Tensor = x0 if everything else x0[held]
        self.threat: Threat = threat if everything else threat[held]
        self.goal: Goal = self._goal if everything else self._goal[held]

    @property
    def labels(self) -> Tensor:
        """The goal's labels, `(n,)`."""
        return self.goal.labels

    @property
    def eps(self) -> Tensor:
        """The budgets in data units, `(n,)`."""
        eps = torch.as_tensor(self.threat.eps, dtype=torch.promote_types(self.x0.dtype, torch.float32))
        return eps.to(self.x0.device).expand(len(self.x0))

    @property
    def live(self) -> Tensor:
        """Whether a row is still queried, `(n,)`."""
        return self._queries.live(self._held).rows

    @property
    def success(self) -> Tensor:
        """Whether the last point queried was a success, `(n,)`."""
        return self._queries.best.success[self._held]

    @property
    def best(self) -> Tensor:
        """The nearest success so far `(n, …)`, the clean input where there is none."""
        return self._queries.best.x[self._held]

    @property
    def distance(self) -> Tensor:
        """Its distance `(n,)` in float64, infinity where there is none."""
        return self._queries.best.distance[self._held]

    @property
    def passes(self) -> Tensor:
        """Queries and gradients that the rows held have cost so far, `(n,)`."""
        return self._queries.counts.passes[self._held]

    def foresee(self, each: float, later: Work) -> None:
        """Say, for the estimate of the time left, what a row held usually costs from here on, and what comes after that in all."""
        self._queries.counts.foresee(self._held, each, later)

    @property
    def known(self) -> Known | None:
        """What is known of the rows held from earlier questions; None before `watch`."""
        known = self._queries.known
        return None if known is None else known[self._held]

    def watch(self) -> Known:
        """Return what is known of the rows held; the first time, the inputs are queried for it.

        Some row must be live, and nothing packed, at that time.
        """
        if self._queries.known is None:
            asked = self.live
            self._queries.known = Known.at_inputs(*self._all, self.scores(self.x0), self.goal, asked)
        return self._queries.known[self._held]

    def note(self, name: str, which: Tensor) -> None:
        """Say something of the rows held, `(n,)`, beside what is found: it reaches the caller under this name."""
        known = self.notes.setdefault(name, torch.zeros(len(self._all[0]), dtype=torch.bool, device=self.x0.device))
        known[self._held[which]] = True

    def steps(self, n: int) -> Iterator[int]:
        """Count to `n`, and end early once no row is live; kept row tensors are packed in between."""
        for step in range(n):
            if not self._pack():
                return
            yield step

    def keep(self, **rows: Tensor | None) -> State:
        """Hold row tensors `(n, …)` as attributes of what is returned, and drop finished rows from them between steps.

        Raises:
            InputError: a tensor of another number of rows.
        """
        state = State(len(self._held), rows)
        self._states.append(state)
        self._pack()
        return state

    def retire(self, done: Tensor) -> None:
        """End the search for the rows `(n,)` that are done: it cannot improve them."""
        if self._terms.remember:
            self._queries.best.alive[self._held[done]] = False

    def draw(self, draws: int = 1) -> Stream:
        """Return the next draw of random numbers, or the first of so many; one row of them for each row held."""
        self._counter += draws
        return Stream(self._terms.seed, self._terms.ids[self._held], self._counter - draws)

    def start(self, *, random: bool = False) -> Tensor:
        """Return where to begin, `(n, …)`: the caller's starting points, else random points of the threat, else the inputs."""
        if self._terms.start is not None and not self._elsewhere:
            return self.threat.project(self._terms.start[self._held].to(self.x0), self.x0)
        return self.threat.sample(self.x0, self.draw()) if random else self.x0

    def gradient(
        self, x: Tensor, loss: Loss, towards: Tensor | None = None, *, where: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss `(n,)` and its gradient `(n, …)` at `x`; zeros for rows that are not queried.

        Args:
            x: where.
            loss: what is ascended.
            towards: classes `(n,)` to head for; the loss is then that of a targeted goal, while a success is what it was.
            where: limits the question to some rows, `(n,)`.
        """
        answers = self.local(x, gradient_of(loss), *(() if towards is None else (towards,)), where=where)
        return (answers[0], answers[1]) if answers else (x.new_zeros(x.shape[: self._lead(x)]), torch.zeros_like(x))

    def linearise(self, x: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the logits `(n, K)` and their Jacobian `(n, k, …)` for the classes `(n, k)` asked for, all K when left out."""
        known = self._queries.classes
        lead, count = x.shape[: self._lead(x)], known if classes is None else classes.shape[1]
        blank = x.new_zeros(*lead, known), x.new_zeros(*lead, count, *self.x0.shape[1:])
        answers = self.local(x, jacobian, *(() if classes is None else (classes,)), into=blank if known else None)
        return (answers[0], answers[1]) if answers else blank

    def scores(self, x: Tensor, *, where: Tensor | None = None) -> Tensor:
        """Return the logits at `x`, `(n, K)`; zeros for rows that are not queried. `where` `(n,)` limits the question to some rows."""
        blank = (x.new_zeros(*x.shape[: self._lead(x)], self._queries.classes),) if self._queries.classes else None
        answers = self._ask(Access.SCORES, x, scores, (), into=blank, where=where)
        return answers[0] if answers else x.new_zeros(*x.shape[: self._lead(x)], 0)

    def margin(self, x: Tensor, *, where: Tensor | None = None) -> Tensor:
        """Return by how much the goal is missed at `x`, `(n,)`; arguments are those of `scores`."""
        return self._ask(Access.SCORES, x, margin, (), into=(x.new_zeros(x.shape[: self._lead(x)]),), where=where)[0]

    def met(self, x: Tensor, *, where: Tensor | None = None) -> Tensor:
        """Whether the decision at `x` is a success, `(n,)`; False for rows that are not queried. Arguments are those of `scores`."""
        self._require(Access.LABELS)
        return self._queries.decisions(x, self._held, self.goal, where)

    def local(
        self,
        x: Tensor,
        answer: Answer,
        *row_tensors: Tensor,
        into: tuple[Tensor, ...] | None = None,
        where: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Return what `answer(local, *row_tensors)` says of each micro-batch of live rows, put together again, `(n, …)` each.

        The general form of `gradient` and `linearise`: nothing larger than a micro-batch is ever held per class. What an
        answer needs to know of a row goes through `row_tensors`, never through a closure over tensors of all rows. `into` holds the
        answers of rows that are not queried, zeros when left out, and may be written over; `where` `(n,)` limits the question.
        Without `into`, nothing is returned where no row is queried at all.
        """
        return self._ask(Access.GRADIENT, x, answer, row_tensors, into=into, where=where)

    def check_inputs(self) -> None:
        """Query the clean inputs, for a search that does not begin there: one that is wrong already needs no search."""
        self._queries.decisions(self.x0, self._held, self.goal, None)

    def restart(self, *, elsewhere: bool = False) -> None:
        """Hold all rows again with fresh random numbers; a minimising search may improve every one of them.

        The caller's starting points are left to the searches before, if this one is to begin `elsewhere`.
        """
        self._elsewhere, self._finished = elsewhere, None
        self._states.clear()
        self._queries.best.revive()
        self._hold(torch.arange(len(self._all[0]), device=self.x0.device))
        self._restarts += 1
        self._counter = self._restarts << 32

    def finish(self, x: Tensor) -> Tensor:
        """End a search at its last points `x` `(n, …)`: they are queried, unless they were the last ones queried anyway.

        An inner maximisation gets back, of every row, the point with the largest cross entropy among all searches finished.

        Raises:
            InputError: another number of rows than the attack holds.
        """
        if not isinstance(x, Tensor):
            raise InputError(f"the attack returned a {type(x).__name__}; return the last iterate, a tensor (n, …)")
        if len(x) != len(self._held):
            raise InputError(
                f"the attack returned {len(x)} rows and holds {len(self._held)}; return the last iterate of every row held"
            )
        if self._terms.remember:
            if self._finished is not x:
                self._queries.settle(x, self._held, self.goal)
                self._queries.confirm(self._goal)
                if self._terms.foreign and not self._terms.minimise:
                    self.note("lost", lost(self._queries, x, self._held, self.goal))
            self._finished = x
            return x
        loss = self._queries.ask(x, self._held, self.goal, plain_loss, (), differentiate=False)[0]
        if self._worst is not None:
            before, largest = self._worst
            worse = loss > largest
            x = torch.where(worse.reshape(-1, *[1] * (x.ndim - 1)), x, before)
            loss = torch.where(worse, loss, largest)
        self._worst = (x, loss)
        return x

    def found(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Of all samples the best points (inputs where there is none), distances, queries, gradients and undefined entries of these."""
        best, counts = self._queries.best, self._queries.counts
        return best.x, best.distance, counts.queries, counts.gradients, counts.undefined

    def _lead(self, x: Tensor) -> int:
        return 1 + x.ndim - self.x0.ndim

    def _require(self, access: Access) -> None:
        if access > self._terms.access:
            raise InputError(
                f"the attack asked for {access.name.lower()} and declared {self._terms.access.name.lower()}; "
                "declare what it needs with `access`"
            )

    def _ask(
        self, access: Access, x: Tensor, answer: Answer, row_tensors: tuple[Tensor, ...], **limits: Any
    ) -> tuple[Tensor, ...]:
        self._require(access)
        differentiate = access is Access.GRADIENT
        return self._queries.ask(x, self._held, self.goal, answer, row_tensors, differentiate=differentiate, **limits)

    def _pack(self) -> int:
        """Drop finished rows once they are many; return how many rows are live."""
        known = self._queries.live(self._held)
        live, count = known.rows, known.total
        if self._states and 0 < count < _PACK_BELOW * len(live):
            for state in self._states:
                state.pack(live)
            self._hold(self._held[live])
        return count
