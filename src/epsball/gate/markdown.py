"""A verdict as Markdown, short enough for a comment on a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.display.text import NORMS
from epsball.report.rounds import in_time
from epsball.report.summary import escaped
from epsball.report.text import count, epsilon, points, title_of, with_interval
from epsball.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from epsball.gate.verdict import Verdict

_FEW = 20
"""Ids that are listed one by one."""


def markdown_bytes(verdict: Verdict) -> bytes:
    """In UTF-8: the verdict, clean and robust accuracy before and now, the drop and its interval, what changed, the findings."""
    run, plan = verdict.run, verdict.run.plan
    threat = f"{NORMS[plan.threat.norm]}, ε = {epsilon(plan.threat)}"
    facts = [
        f"`{_plain(title_of(plan)).replace('`', '')}`",
        " ".join(filter(None, (_plain(plan.data.source), _plain(plan.data.split)))),
        threat,
        f"suite {_plain(plan.suite)} {plan.suite_version}",
        f"seed {plan.seed}",
        f"{count(len(run))} samples",
    ]
    blocks = [
        f"### Robustness: {verdict.word}",
        f"{_plain(_sentence(verdict.reason.partition(': ')[2] or verdict.reason))}",
        "\n".join(_figures(verdict)),
        "\n".join(_changed(verdict)),
        "\n".join(_findings(verdict)),
        _plain(_sentence(in_time(run))) if in_time(run) else "",
        f"<sub>{' · '.join(filter(None, facts))}</sub>",
    ]
    return ("\n\n".join(block for block in blocks if block) + "\n").encode()


def _figures(verdict: Verdict) -> Iterator[str]:
    run, pairs = verdict.run, verdict.pairs
    if pairs is None:
        yield from _table(("", "accuracy (95 % interval)"), "lr")
        yield _row("clean", with_interval(run.clean_accuracy, len(run)))
        yield _row("robust", with_interval(run.robust_accuracy(), len(run)))
        return
    yield from _table(("", "baseline (95 % interval)", "now", "change", "95 % interval of the change"), "lrrrr")
    before, now = pairs.baseline_right / pairs.n, pairs.right / pairs.n
    yield _row("clean", *(with_interval(each, pairs.n) for each in (before, now)), _signed(now - before), "")
    before, now = pairs.baseline / pairs.n, pairs.now / pairs.n
    drop = next(bound for bound in verdict.bounds if bound.kind == "drop")
    least, most = (-end for end in reversed(drop.interval))
    changed = f"{100 * least:+.1f} to {_signed(most)}"
    yield _row("robust", *(with_interval(each, pairs.n) for each in (before, now)), _signed(now - before), changed)


def _changed(verdict: Verdict) -> Iterator[str]:
    if verdict.pairs is None:
        return
    for ids, what in (
        (verdict.pairs.lost_ids, "Robust before and not now"),
        (verdict.pairs.won_ids, "Robust now and not before"),
    ):
        if ids:
            more = ", …" * (len(ids) > _FEW)
            yield f"- {what}: {count(len(ids))} of {count(verdict.pairs.n)}, by id {', '.join(map(str, ids[:_FEW]))}{more}"


def _findings(verdict: Verdict) -> Iterator[str]:
    told = [finding for finding in verdict.run.findings if finding.severity != "INFO"]
    if told:
        yield from _table(("", "finding", "what was seen", "what to do"), "llll")
    for finding in told:
        yield _row(finding.severity, finding.id, f"{finding.message} ({finding.evidence})", finding.remedy)


def _table(names: Sequence[str], sides: str) -> Iterator[str]:
    yield _row(*names)
    yield _row(*("---:" if side == "r" else "---" for side in sides))


def _row(*cells: str) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    """Text that is neither an instruction of Markdown nor of HTML, on one line."""
    return escaped(printable(text))


def _signed(difference: float) -> str:
    return f"{'+' if difference > 0 else ''}{points(difference)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
