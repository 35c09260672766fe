"""An evaluation within a time: whole rounds of samples, each through the whole suite, as many as fit."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import torch

from epsball.errors import OtherConfigurationError, UnfinishedError
from epsball.evaluation.budget import Budget, OutOfTimeError, round_ends
from epsball.evaluation.plan import differences
from epsball.evaluation.reuse import read_again
from epsball.evaluation.runner import Run
from epsball.randomness import Stream
from epsball.record import RunFolder
from epsball.record.in_memory import InMemory
from epsball.record.manifest import MANIFEST, read_manifest
from epsball.record.plan import BudgetPlan
from epsball.validation import checked_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.certification.base import Certifier
    from epsball.data.batches import Gathered
    from epsball.evaluation.meter import Meter
    from epsball.evaluation.samples import CleanPass, Samples
    from epsball.progress import Progress
    from epsball.record import Evaluation, Plan, Store
    from epsball.threat import Threat

HEAD = 64
"""Samples that the checks before the first attack see."""


class Order(NamedTuple):
    """Inputs and labels in the order in which they are gone through, and their ids."""

    data: tuple[Any, Any]
    ids: Tensor


def drawn_order(given: Gathered, ids: Sequence[int] | Tensor | None, seed: int) -> Order:
    """The samples in an order drawn by (seed, id), so that those of the first rounds are as good as any others."""
    numbers = checked_ids(ids, len(given.x), torch.device("cpu"))
    order = in_order(numbers, seed)
    those = given.those(order)
    return Order((those.x, those.y), numbers[torch.from_numpy(order)])


def in_order(ids: Tensor, seed: int) -> NDArray[np.int64]:
    """Places of the samples (n,) in the order in which rounds take them."""
    order: NDArray[np.int64] = Stream(seed, ids, 0).uniform(1)[:, 0].numpy().argsort(kind="stable")
    return order


def held_rounds(out: Path | str | None) -> Plan | None:
    """The plan of the run that a folder holds, if it is one in rounds.

    Raises:
        InputError: its list of contents is damaged.
    """
    if out is None or not (Path(out) / MANIFEST).is_file():
        return None
    plan = read_manifest(Path(out)).plan
    return plan if plan.budget else None


class Watch:
    """Progress that a clock interrupts, once a round is under way.

    Args:
        budget: with the clock.
        progress: told what is done, and of a run with a clock how much that leaves to do in its time.
    """

    def __init__(self, budget: Budget, progress: Progress) -> None:
        self.budget: Budget = budget
        self.armed: bool = False
        self.round: int = 0
        self._progress = progress

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Pass on what is done.

        Raises:
            OutOfTimeError: a round is under way and the budget is over.
        """
        if self.budget.seconds is not None:
            total = max(done, round(done * self.budget.seconds / max(self.budget.spent, 1e-3)))
        self._progress(f"round {self.round}" if self.round else stage, done, total)
        if self.armed and self.budget.over:
            raise OutOfTimeError


class Rounds:
    """Rounds of samples, one after the other; a folder that holds some of them goes on after those.

    Args:
        clean: the samples in their order, passed through the model as far as they are wanted.
        planned: from samples to the plan of a run about them.
        threat: norm, budget ε and box.
        watch: the clock.
        meter: of the passes.
        chunk_size: samples that are attacked at a time.
    """

    def __init__(
        self,
        clean: CleanPass,
        planned: Callable[[Samples], Plan],
        threat: Threat,
        watch: Watch,
        meter: Meter,
        chunk_size: int,
    ) -> None:
        self._clean, self._planned, self._threat = clean, planned, threat
        self._watch, self._meter = watch, meter
        self._ends = list(round_ends(len(clean), chunk_size))

    def evaluate(
        self,
        out: Path | str | None,
        certifiers: Mapping[str, Certifier],
        attacks: Mapping[str, Attack],
        expected: float | None,
        *,
        anyway: bool,
    ) -> Evaluation:
        """Run as many rounds as the budget admits.

        Raises:
            InputError: the folder holds another run.
            UnfinishedError: not one round fits into the budget.
        """
        held = held_rounds(out)
        plan = self._first_plan(held)
        store: Store = InMemory() if out is None else RunFolder.open(out, plan, differences, more=held is not None)
        with closing(store):
            if out is not None and store.complete and self._enough(plan, Path(out)):
                return read_again(
                    out, plan, self._clean.first(self._ends[plan.budget.rounds - 1 if plan.budget else 0]).ids, expected
                )
            head = self._clean.first(min(HEAD, len(self._clean)))
            run = Run(head, self._threat, self._plan(plan, head, 1), store, self._meter)
            run.check(expected)
            if run.pointless and not anyway:
                return run.stopped()
            self._run(run, plan, held, certifiers, attacks)
            return run.finish()

    def _first_plan(self, held: Plan | None) -> Plan:
        """The plan of the first round, or, of a folder that holds rounds, what its plan would be if it was made now."""
        budget = held.budget if held else None
        rounds = min(budget.rounds, len(self._ends)) if budget else 1
        samples = self._clean.first(self._ends[rounds - 1])
        seconds = budget.seconds if budget else self._watch.budget.seconds
        about = BudgetPlan(seconds=seconds, rounds=rounds, samples=len(self._clean))
        plan = msgspec.structs.replace(self._planned(samples), budget=about)
        if held:
            plan = msgspec.structs.replace(plan, environment=held.environment)
        if held and held.seed != plan.seed:  # another order, which the seed explains
            plan = msgspec.structs.replace(plan, data=held.data)
        return plan

    def _plan(self, plan: Plan, samples: Samples, rounds: int) -> Plan:
        """The plan with those samples."""
        about = BudgetPlan(seconds=self._watch.budget.seconds, rounds=rounds, samples=len(self._clean))
        data = msgspec.structs.replace(
            plan.data, n=len(samples), fingerprint=samples.fingerprint, left_out=samples.left_out
        )
        return msgspec.structs.replace(plan, data=data, budget=about)

    def _enough(self, plan: Plan, out: Path) -> bool:
        """Whether a finished run is what is wanted."""
        budget, held = self._watch.budget, plan.budget
        rounds = held.rounds if held else 0
        if budget.rounds is not None and budget.rounds < rounds:
            raise OtherConfigurationError(
                f"{out} holds a run of {rounds} rounds, and {budget.rounds} were asked for; choose another folder with out="
            )
        same_time = budget.seconds is not None and held is not None and budget.seconds == held.seconds
        return same_time or rounds == min(budget.rounds or len(self._ends), len(self._ends))

    def _run(
        self,
        run: Run,
        plan: Plan,
        held: Plan | None,
        certifiers: Mapping[str, Certifier],
        attacks: Mapping[str, Attack],
    ) -> None:
        """Round by round; those that the folder holds whole take no part in the estimate."""
        done, first, pace = 0, 0, list[float]()
        there = held.budget.rounds - 1 if held and held.budget else 0
        budget = self._watch.budget
        for end in self._ends:
            if done and done > there and not budget.admits(done, end - self._ends[done - 1], pace):
                return
            started, self._watch.round = monotonic(), done + 1
            samples = self._clean.first(end)
            run.take(samples, self._plan(plan, samples, done + 1), first)
            try:
                self._watch.armed = True
                run.stages(certifiers, attacks)
            except OutOfTimeError:
                if not done:
                    raise UnfinishedError(_too_short(budget, end)) from None
                run.drop_round()
                return
            finally:
                self._watch.armed = False
            if done >= there:
                pace.append((monotonic() - started) / (end - (self._ends[done - 1] if done else 0)))
            done, first = done + 1, len(samples)


def _too_short(budget: Budget, samples: int) -> str:
    return (
        f"the budget of {budget.seconds or 0:g} s was over before the first {samples} samples had been through the whole suite, "
        "so there is no number; give more time, or a cheaper suite such as quick"
    )
