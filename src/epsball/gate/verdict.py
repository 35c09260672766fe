"""Passed, failed or not to be told: an interval against a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from epsball.record import metrics
from epsball.record.statistics import paired_difference, pairs_to_tell, samples_to_tell, wilson
from epsball.report.text import count, percent, points

if TYPE_CHECKING:
    from epsball.gate.baseline import Pairs
    from epsball.record import Evaluation


@dataclass(frozen=True)
class Bound:
    """A limit, and the 95 % interval of what it is for.

    Args:
        kind: "accuracy", robust accuracy, which shall be at least the limit; "drop", by how much less of the same samples is robust
            than in the baseline, which shall be at most the limit.
        limit: a fraction.
        value: what was measured.
        interval: its 95 % interval: Wilson's of a proportion, Tango's of a difference on the same samples.
        n: samples it was measured on.
        passed: whether the whole interval lies within the limit; False where it lies wholly beyond, None where neither is so.
        needed: samples that would tell if they turned out like these; None where it is told, or no number would do.
    """

    kind: Literal["accuracy", "drop"]
    limit: float
    value: float
    interval: tuple[float, float]
    n: int
    passed: bool | None
    needed: int | None = None

    @property
    def title(self) -> str:
        """What is asked for."""
        if self.kind == "accuracy":
            return f"robust accuracy is at least {percent(self.limit)}"
        return f"robust accuracy fell by at most {points(self.limit)}"

    @property
    def reason(self) -> str:
        """The sentence about it."""
        low, high = self.interval
        if self.kind == "accuracy":
            what = f"robust accuracy is {percent(self.value)} (95 % interval {100 * low:.1f} to {percent(high)})"
            places = f"at least {percent(self.limit)}", f"below {percent(self.limit)}"
        else:
            fell = "robust accuracy fell by" if self.value >= 0 else "robust accuracy rose by"
            what = f"{fell} {points(abs(self.value))} (95 % interval of the drop {100 * low:.1f} to {points(high)})"
            places = f"at most {points(self.limit)}", f"more than {points(self.limit)}"
        on = f"on {count(self.n)} samples"
        if self.passed is None:
            more = (
                f"about {count(self.needed)} samples would tell"
                if self.needed
                else "it is so near the limit that no number of samples would tell"
            )
            return f"{what} {on}, which may be {places[0]} or {places[1]}; {more}"
        return f"{what} {on}, all of it {places[0] if self.passed else places[1]}"


def at_least(run: Evaluation, limit: float) -> Bound:
    """Hold the robust accuracy of a run at its own ε against the least that passes."""
    robust, n = int(metrics.robust(run).sum()), len(run)
    low, high = wilson(robust, n)
    passed = True if low >= limit else False if high < limit else None
    needed = samples_to_tell(robust, n, limit) if passed is None else None
    return Bound("accuracy", limit, robust / n, (low, high), n, passed, needed)


def at_most(pairs: Pairs, limit: float) -> Bound:
    """Hold the drop in robust accuracy on the same samples against the most that passes."""
    lost, won, n = pairs.lost, pairs.won, pairs.n
    low, high = paired_difference(lost, won, n)
    passed = True if high <= limit else False if low > limit else None
    needed = pairs_to_tell(lost, won, n, limit) if passed is None else None
    return Bound("drop", limit, (lost - won) / n, (low, high), n, passed, needed)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a gate says about a run.

    Args:
        run: the evaluation.
        bounds: every limit with what was measured; none where nothing was asked for.
        pairs: the samples that the baseline has too; None without one.
    """

    run: Evaluation
    bounds: tuple[Bound, ...]
    pairs: Pairs | None = None

    @property
    def passed(self) -> bool | None:
        """True where every limit holds, False where one is broken, None where that cannot be told or the run cannot be trusted."""
        if not self.judged:
            return None
        told = [bound.passed for bound in self.bounds]
        return False if False in told else None if None in told else True

    @property
    def judged(self) -> bool:
        """Whether there is a result to hold against anything."""
        return self.run.trusted and bool(self.run.attacks)

    @property
    def word(self) -> str:
        """Passed, failed, undecided, or no verdict."""
        return {True: "passed", False: "failed", None: "undecided"}[self.passed] if self.judged else "no verdict"

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the first limit's quantity: of the drop where there is a baseline, else of robust accuracy."""
        return self.bounds[0].interval if self.bounds else None

    @property
    def reason(self) -> str:
        """The sentence about it."""
        if not self.run.complete:
            return "no verdict: the run is unfinished"
        if not self.run.trusted:
            failed = "; ".join(each.message for each in self.run.findings if each.severity == "FAIL")
            return f"no verdict: the result cannot be trusted ({failed})"
        if not self.run.attacks:
            return "no verdict: no attack was run"
        shown = [bound.reason for bound in self.bounds if bound.passed is self.passed]
        return f"{self.word}: {'; '.join(shown)}" if shown else self.word

    def __repr__(self) -> str:
        return f"Verdict({self.reason})"
