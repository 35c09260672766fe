"""What a run within a time says of the samples that it did not come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.report.text import count, seconds

if TYPE_CHECKING:
    from epsball.record import Evaluation


def skipped(run: Evaluation) -> int:
    """How many of the samples that were given the run did not come to."""
    budget, data = run.plan.budget, run.plan.data
    return budget.samples - data.n - data.left_out if budget else 0


def in_time(run: Evaluation) -> str:
    """How many samples were evaluated, in what time, and what was left out; empty where nothing was."""
    budget, left = run.plan.budget, skipped(run)
    if budget is None or not left:
        return ""
    allowed = f", all that fit into {seconds(budget.seconds)}" if budget.seconds else ""
    rounds = f"{count(budget.rounds)} whole round{'s' * (budget.rounds != 1)}"
    return (
        f"evaluated {count(budget.samples - left)} of {count(budget.samples)} samples in {seconds(run.seconds)}: {rounds}{allowed}, "
        f"in an order drawn by the seed, every one through the whole suite; the other {count(left)} are left out"
    )
