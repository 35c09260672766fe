"""The only object that calls the model: it answers an attack's questions on the rows that still matter, and remembers the best."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.errors import InputError, ModelError
from epsball.models.wrap import Model, is_out_of_memory
from epsball.oracle.batching import arranged, asked, precision
from epsball.oracle.best import Best
from epsball.oracle.forward import Access, Answer, Local
from epsball.oracle.rows import Kept
from epsball.randomness import Stream
from epsball.validation import checked_logits, finite_logits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.goal import Goal
    from epsball.losses import Loss
    from epsball.oracle.batching import Batching
    from epsball.threat import Threat

_PACK_BELOW = 0.75
"""Kept tensors are packed once less than this share of their rows is live: the copies cost at most four times the first size."""


class Oracle:
    """Answers questions about a set of samples `x0` `(N, …)`; dead rows are never sent to the model.

    An attack hands in and gets back tensors with one row per sample it holds: all N, or, once it has called `keep`, those that were
    live when a step began.

    Args:
        model: the classifier, frozen by the caller.
        x0: the clean inputs.
        goal: what counts as a hit.
        threat: where a hit counts.
        access: what the attack declared to see.
        batching: how the model is asked.
        seed: seed of every draw.
        ids: sample ids `(N,)`.
        minimise: whether rows stay live after a hit, in search of a nearer one.
        remember: whether hits are looked for at all; an inner maximisation for training has no use for them.
    """

    def __init__(
        self,
        model: Model,
        x0: Tensor,
        goal: Goal,
        threat: Threat,
        *,
        access: Access,
        batching: Batching,
        seed: int,
        ids: Tensor,
        minimise: bool = False,
        remember: bool = True,
    ) -> None:
        n, device = len(x0), x0.device
        self._model, self._x0, self._goal, self._threat = model, x0, goal, threat
        self._access, self._seed, self._ids, self._remember = access, seed, ids, remember
        self.batching = batching
        self._best = Best(x0, goal, threat, minimise=minimise)
        self._queries = torch.zeros(n, dtype=torch.int64, device=device)
        self._gradients = torch.zeros(n, dtype=torch.int64, device=device)
        self._held = torch.arange(n, device=device)
        self._kept: Kept | None = None
        self._counter = 0
        self._restarts = 0
        self._classes = 0

    @property
    def live(self) -> Tensor:
        """Whether a row is still asked, one per held row."""
        return self._best.alive[self._held]

    @property
    def hit(self) -> Tensor:
        """Whether the last point asked was a hit, one per held row."""
        return self._best.hit[self._held]

    @property
    def best(self) -> Tensor:
        """The nearest hit so far, the clean input where there is none; one per held row."""
        return self._best.x[self._held]

    @property
    def distance(self) -> Tensor:
        """Its distance in float64, infinity where there is none; one per held row."""
        return self._best.distance[self._held]

    @property
    def queries(self) -> Tensor:
        """Model passes spent on each sample, `(N,)`."""
        return self._queries.clone()

    @property
    def gradients(self) -> Tensor:
        """Gradients taken for each sample, `(N,)`."""
        return self._gradients.clone()

    @property
    def held(self) -> Tensor:
        """The samples that the attack's tensors stand for, as places in `x0`."""
        return self._held

    @property
    def labels(self) -> Tensor:
        """The goal's labels, one per held row."""
        return self._goal.labels[self._held]

    def steps(self, n: int) -> Iterator[int]:
        """Count to `n`, and end early once no row is live; kept tensors are packed in between."""
        for step in range(n):
            if not bool(self.live.any()):
                return
            self._pack()
            yield step

    def keep(self, **tensors: Tensor) -> Kept:
        """Hold the attack's row tensors, together with `x0` and `threat` of the same rows, and drop dead rows between steps."""
        self._kept = Kept(self._x0[self._held], self._threat[self._held], **tensors)
        self._pack()
        return self._kept

    def restart(self) -> None:
        """Hold all rows again; a minimising search may improve every one of them."""
        self._kept, self._held = None, torch.arange(len(self._x0), device=self._x0.device)
        self._best.alive = self._best.distance > 0 if self._best.minimise else self._best.distance.isinf()
        self._restarts += 1
        self._counter = self._restarts << 32

    def retire(self, done: Tensor) -> None:
        """Declare held rows dead: their attack cannot improve them."""
        self._best.alive[self._held[done]] = False

    def draw(self) -> Stream:
        """Return the next draw for the held rows."""
        self._counter += 1
        return Stream(self._seed, self._ids[self._held], self._counter - 1)

    def gradient(self, x: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
        """Return the loss `(n,)` and its gradient `(n, …)` at `x`."""

        def answer(local: Local) -> tuple[Tensor, ...]:
            value = loss(local.logits, local.goal)
            return value.detach(), local.gradient(value)

        value, gradient = self.local(x, answer) or (x.new_zeros(len(x)), torch.zeros_like(x))
        return value, gradient

    def linearise(self, x: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the logits `(n, K)` and their Jacobian `(n, k, …)` for the classes `(n, k)` asked for, all K when left out."""

        def answer(local: Local, *asked: Tensor) -> tuple[Tensor, ...]:
            logits = local.logits
            wanted = asked[0] if asked else torch.arange(logits.shape[1], device=x.device).expand_as(logits)
            chosen = logits.gather(1, wanted)
            last = wanted.shape[1] - 1
            slopes = [local.gradient(chosen[:, k], again=k < last) for k in range(last + 1)]
            return logits.detach(), torch.stack(slopes, 1)

        n, k, count = len(x), self._classes, self._classes if classes is None else classes.shape[1]
        blank = (x.new_zeros(n, k), x.new_zeros(n, count, *x.shape[1:])) if k else None
        logits, jacobian = self.local(x, answer, *(() if classes is None else (classes,)), into=blank)
        return logits, jacobian

    def margin(self, x: Tensor, *, where: Tensor | None = None) -> Tensor:
        """Return by how much the goal is missed at `x`, `(n,)`."""
        self._require(Access.SCORES)
        blank = (x.new_zeros(len(x)),)
        return self._sweep(x, _margin, (), into=blank, differentiate=False, where=where)[0]

    def met(self, x: Tensor, *, where: Tensor | None = None) -> Tensor:
        """Whether the decision at `x` is a hit, `(n,)`; `where` `(n,)` limits the question to some rows."""
        self._require(Access.LABELS)
        blank = (torch.zeros(len(x), dtype=torch.bool, device=x.device),)
        self._sweep(x, _met, (), into=blank, differentiate=False, where=where)
        return self.hit if where is None else self.hit & where

    def local(
        self,
        x: Tensor,
        answer: Answer,
        *row_tensors: Tensor,
        into: tuple[Tensor, ...] | None = None,
        where: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Return what `answer(local, *row_tensors)` says of each micro-batch of live rows, put together again, `(n, …)` each.

        The general form of `gradient` and `linearise`: nothing larger than a micro-batch is ever held per class. `into` is written
        in place and keeps its value for rows that are not asked; `where` `(n,)` limits the question to some rows.
        """
        self._require(Access.GRADIENT)
        return self._sweep(x, answer, row_tensors, into=into, differentiate=True, where=where)

    def found(self) -> tuple[Tensor, Tensor]:
        """Return the best points `(N, …)` and their distances `(N,)`; clean inputs and infinity where nothing was found."""
        return self._best.x, self._best.distance

    def _require(self, access: Access) -> None:
        if access > self._access:
            raise InputError(
                f"the attack asked for {access.name.lower()} and declared {self._access.name.lower()}; "
                "declare what it needs with `access`"
            )

    def _pack(self) -> None:
        if self._kept is None:
            return
        live = self.live
        count = int(live.sum())
        if count < _PACK_BELOW * len(live):
            self._kept.pack(live, len(live))
            self._held = self._held[live]

    def _sweep(
        self,
        x: Tensor,
        answer: Answer,
        row_tensors: tuple[Tensor, ...],
        *,
        into: tuple[Tensor, ...] | None,
        differentiate: bool,
        where: Tensor | None,
    ) -> tuple[Tensor, ...]:
        asked = self.live if where is None else self.live & where
        places = None if bool(asked.all()) else asked.nonzero().squeeze(1)
        count = len(x) if places is None else len(places)
        all_held = places is None and len(self._held) == len(self._x0)
        whole, start = into, 0
        while start < count:
            stop = start + self.batching.fitting(count - start)
            at = slice(start, stop) if places is None else places[start:stop]
            try:
                samples = at if all_held else self._held[at]
                part = self._ask(x[at], samples, answer, tuple(t[at] for t in row_tensors), differentiate=differentiate)
            except (RuntimeError, MemoryError) as error:
                self._halve(error)
                continue
            start = stop
            if places is None and len(part[0]) == count:
                return part
            if whole is None:
                whole = tuple(t.new_zeros((len(x), *t.shape[1:])) for t in part)
            for target, piece in zip(whole, part, strict=True):
                target[at] = piece.to(target.dtype)
        return whole or ()

    def _halve(self, error: BaseException) -> None:
        if not is_out_of_memory(error):
            raise error
        if self.batching.batch_size == 1:
            sentence = f"memory ran out with a single input: {error}; use a smaller model, or another device"
            raise ModelError(sentence) from error
        self.batching = replace(self.batching, batch_size=self.batching.batch_size // 2)

    def _ask(
        self,
        x: Tensor,
        samples: Tensor | slice,
        answer: Answer,
        row_tensors: tuple[Tensor, ...],
        *,
        differentiate: bool,
    ) -> tuple[Tensor, ...]:
        leaf = arranged(x, self.batching).requires_grad_(differentiate)
        gradients = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        lowered = differentiate and self.batching.bfloat16
        with torch.set_grad_enabled(differentiate), precision(leaf, bfloat16=lowered):
            with asked(leaf, self.batching):
                logits = self._model(leaf).to(leaf.dtype) if lowered else self._model(leaf)
            self._check(logits.detach(), samples)
            reply = answer(Local(leaf, logits, self._goal[samples], gradients), *row_tensors)
        self._queries[samples] += 1
        self._gradients[samples] += gradients
        again = self._best.record(x.detach(), samples, logits.detach(), sure=not lowered) if self._remember else None
        if again is not None:
            self._ask(*again, _met, (), differentiate=False)
        return tuple(t.detach() for t in reply)

    def _check(self, logits: Tensor, samples: Tensor | slice) -> None:
        finite_logits(logits, self._ids[samples])
        if not self._classes:
            checked_logits(logits, self._goal)
            self._classes = logits.shape[1]


def _met(local: Local) -> tuple[Tensor, ...]:
    return (local.goal.met(local.logits),)


def _margin(local: Local) -> tuple[Tensor, ...]:
    return (local.goal.margin(local.logits),)
