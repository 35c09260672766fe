"""A comparison in words and rows, as terminal, page and Markdown show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.comparison.paired import Paired
from epsball.display.text import budget
from epsball.record.statistics import pairs_to_tell
from epsball.report.target import left, target
from epsball.report.text import DASH, NO_BREAK, count, number, with_interval

if TYPE_CHECKING:
    from epsball.comparison.comparison import Comparison, Difference, Side
    from epsball.comparison.unpaired import Unpaired
    from epsball.record.proportion import Proportion

MINUS = "\N{MINUS SIGN}"


def _figure(part: Proportion | None, mark: str = "", *, narrow: bool) -> str:
    """``53.2 % (48.8 – 57.5)``, on two lines if `narrow`, the mark behind the figure; "–" where nothing was measured."""
    if part is None:
        return DASH
    text = with_interval(float(part), part.n)
    value, _, bounds = text.removesuffix(")").partition(" (")
    return f"{value}{mark}\n{bounds}" if narrow else f"{text}{mark}"


def points(value: float) -> str:
    """A difference of two fractions in percentage points, with its sign."""
    shown = f"{abs(100 * value):.1f}"
    return shown if float(shown) == 0 else f"{'+' if value > 0 else MINUS}{shown}"


def p_text(value: float) -> str:
    """A p-value to two figures."""
    return "< 0.0001" if value < 1e-4 else f"= {value:.2g}"  # noqa: PLR2004 (as readers write it)


def robust_name(comparison: Comparison) -> str:
    """What the figure at ε is called: robust accuracy, unless the attacks looked for one class alone."""
    plan = comparison.baseline.run.plan
    return left(plan).capitalize() if target(plan) else "Robust accuracy"


def comparison_rows(comparison: Comparison, *, narrow: bool = False) -> tuple[list[str], list[list[str]]]:
    """The heading and a line for every run: n, its figures with intervals, passes and suite; untrusted runs are marked."""
    robust = f"{robust_name(comparison).lower()} at ε = {budget(comparison.eps)}"
    proved = any(side.certified for side in comparison.sides)
    names = ["n", "clean", "robust", "passes"] if narrow else ["samples", "clean accuracy", robust, "passes a sample"]
    heading = ["run", *names[:3], *(["certified"] if proved else []), names[3], "suite"]
    rows = []
    for side in comparison.sides:
        mark = "" if side.run.trusted else f"{NO_BREAK}FAIL"
        figures = [_figure(side.clean, narrow=narrow), _figure(side.robust, mark, narrow=narrow)]
        if proved:
            figures.append(_figure(side.certified, narrow=narrow))
        rows.append([side.name, count(len(side.run)), *figures, number(side.passes), _suite(side)])
    return heading, rows


def _suite(side: Side) -> str:
    plan = side.run.plan
    return f"{plan.suite} {plan.suite_version}" if plan.suite != "custom" else ", ".join(plan.attacks) or "none"


def doubts(side: Side) -> list[str]:
    """The checks that failed in a run, a sentence each."""
    return [f"{each.id}: {each.message}" for each in side.run.findings if each.severity == "FAIL"]


def cautions_of(comparison: Comparison) -> list[str]:
    """What to read before the numbers: what failed, what was not alike, what is no pair."""
    failed = [f"{side.name} is not trusted, {said}" for side in comparison.sides for said in doubts(side)]
    partly = [said for each in comparison.differences if (said := shared_in_words(comparison, each))]
    return [*failed, *comparison.cautions, *partly]


def shared_in_words(comparison: Comparison, difference: Difference) -> str:
    """What is said where not all samples of both runs are paired."""
    first, run = comparison.baseline, difference.side.run
    if not difference.paired:
        return (
            f"{first.name} and {difference.name} are not paired, for {difference.pairs.why}: "
            "the test sees two sets of samples and tells less; evaluate both on the same ones"
        )
    shared = len(difference.pairs)
    if shared == len(first.run) == len(run):
        return ""
    return (
        f"{first.name} and {difference.name} share {count(shared)} samples, of {count(len(first.run))} and {count(len(run))}: "
        "their difference is over those"
    )


def sentence(comparison: Comparison, difference: Difference) -> str:
    """Whether a run is more or less robust than the baseline, by how much, and how sure that is."""
    return f"{judgement(comparison, difference)}: {evidence(comparison, difference)}"


def judgement(comparison: Comparison, difference: Difference) -> str:
    """Whether a run is more or less robust than the baseline."""
    first, more = comparison.baseline, "more" if difference.robust.difference > 0 else "less"
    if not difference.clear:
        return f"No difference between {difference.name} and {first.name} can be told"
    if target(first.run.plan):
        return f"{difference.name} withstands {more} than {first.name}"
    return f"{difference.name} is {more} robust than {first.name}"


def evidence(comparison: Comparison, difference: Difference) -> str:
    """By how much they differ, how sure that is, and how many samples would tell it where these do not."""
    return f"{change(difference.robust)}, {_test(difference, len(comparison.differences))}{_more(difference)}"


def change(found: Paired | Unpaired) -> str:
    """``−12.2 points, 95 % interval −15.9 to −8.6``."""
    low, high = found.interval()
    return f"{points(found.difference)} points, 95{NO_BREAK}% interval {points(low)} to {points(high)}"


def _test(difference: Difference, runs: int) -> str:
    name = "exact McNemar test" if difference.paired else "Fisher's exact test"
    several = f", adjusted for {runs} runs" if runs > 1 else ""
    on = f" on {count(difference.robust.n)} shared samples" if isinstance(difference.robust, Paired) else ""
    return f"{name} p {p_text(difference.p_adjusted)}{on}{several}"


def _more(difference: Difference) -> str:
    """How many samples would tell the difference seen, where these do not and it is one."""
    robust = difference.robust
    if difference.clear or not isinstance(robust, Paired) or not robust.difference:
        return ""
    needed = pairs_to_tell(len(robust.won), len(robust.lost), robust.n, 0.0)
    if needed is None or needed <= robust.n:
        return ""
    return f"; were it as large as here, about {count(needed)} samples would tell it"


def sides_changed(difference: Difference, first: str) -> list[tuple[str, list[int]]]:
    """Which samples stand in one of the runs alone, in both directions, as words and ids; none where nothing is paired."""
    robust = difference.robust
    if not isinstance(robust, Paired):
        return []
    return [
        (f"stand in {first}, fall in {difference.name}", robust.lost.tolist()),
        (f"fall in {first}, stand in {difference.name}", robust.won.tolist()),
    ]
