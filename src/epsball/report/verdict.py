"""What the record says first: the verdict in a sentence, the headline figures, the findings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record import Finding, metrics
from epsball.record.statistics import wilson
from epsball.report.target import left, left_out, target
from epsball.report.text import DASH, MEANINGS, NO_BREAK, NORMS, count, epsilon, number, percent

if TYPE_CHECKING:
    from epsball.record import Evaluation

TONES = {"FAIL": "bad", "WARN": "warn"}


def verdict(run: Evaluation) -> dict[str, str]:
    """Badge, headline and meaning of the result."""
    failed = sum(finding.severity == "FAIL" for finding in run.findings)
    warned = sum(finding.severity == "WARN" for finding in run.findings)
    if not run.complete:
        badge, tone = f"Unfinished: {_ended(run)}; no figure here is a result", "bad"
    elif failed:
        badge, tone = f"Not trusted: {_checks(failed)} failed, see the findings", "bad"
    elif warned:
        badge, tone = f"Trusted, with {warned} warning{'s' * (warned > 1)}", "warn"
    else:
        badge, tone = "Trusted: every reported error was checked again", ""
    so_far = "" if run.complete else "So far: "
    return {"badge": badge, "tone": tone, "headline": so_far + _headline(run), "meaning": _meaning(run)}


def _ended(run: Evaluation) -> str:
    return f"{len(run.attacks)} of {len(run.plan.attacks)} attacks ended"


def _checks(number_of_checks: int) -> str:
    return f"{number_of_checks} check{'s' * (number_of_checks > 1)}"


def _headline(run: Evaluation) -> str:
    right, n = int(np.sum(run.clean == run.label)), len(run)
    threat = run.plan.threat
    towards, rest = target(run.plan), left_out(run.plan)
    rest = f" {rest}." if rest else ""
    start = f"The model classifies {count(right)} of {count(n)} images correctly ({percent(run.clean_accuracy)})."
    if math.isinf(run.eps):
        median = metrics.median_distance(run)
        norm = NORMS[threat.norm]
        if math.isfinite(median):
            goal = towards or "an error"
            return (
                f"{start} A change of {norm} length {number(median)} is enough to turn half of those into {goal}.{rest}"
            )
        missed = f"Most of those were not turned into {towards}" if towards else "No error was found for most of those"
        return f"{start} {missed} at any {norm} distance.{rest}"
    robust = int(np.sum(run.upper > run.eps))
    meaning = MEANINGS[threat.norm].format(eps=f"ε = {epsilon(threat)}")
    end = f", {left(run.plan)}; other errors were not looked for" if towards else ""
    return f"{start} If {meaning}, {count(robust)} are left ({percent(run.robust_accuracy())}){end}.{rest}"


def _meaning(run: Evaluation) -> str:
    text = (
        "These attacks show errors that exist; a stronger attack may show more, "
        "so the robust accuracy is at most the figure given here."
    )
    if target(run.plan):
        text = (
            f"These attacks looked for {target(run.plan)} alone, so this is no robust accuracy: "
            "an image that is left may have another error nearby."
        )
    elif math.isinf(run.eps):
        text = "These attacks show errors that exist; a stronger attack may find nearer ones."
    elif run.certified_accuracy() > 0:
        text += f" For {percent(run.certified_accuracy())} it is proved that no error exists."
    return text


def headline(run: Evaluation) -> list[dict[str, Any]]:
    """The figures a reader takes away."""
    right, n = int(np.sum(run.clean == run.label)), len(run)
    threat, data = run.plan.threat, run.plan.data
    norm = NORMS[threat.norm]
    figures = [_fraction("clean", "Clean accuracy", run.clean_accuracy, wilson(right, n), "without an attack")]
    if math.isfinite(run.eps):
        place = f"at {norm}, ε = {epsilon(threat)}"
        name = left(run.plan).capitalize() if target(run.plan) else "Robust accuracy"
        figures.append(_fraction("robust", name, run.robust_accuracy(), run.interval(), place))
    median, aim = number(metrics.median_distance(run)), target(run.plan) or "an error"
    origin = data.source or "given arrays"
    return [
        *figures,
        _figure(
            "median",
            f"Median distance to {aim}",
            median,
            f"{norm}, in data units",
            "of images classified correctly",
        ),
        _figure(
            "samples",
            "Images",
            count(n),
            f"from {origin}",
            f"split {data.split}" if data.split else "",
            left_out(run.plan),
        ),
    ]


def _fraction(key: str, name: str, fraction: float, interval: tuple[float, float], place: str) -> dict[str, Any]:
    low, high = interval
    bounds = f"95{NO_BREAK}% interval {100 * low:.1f}{NO_BREAK}{DASH}{NO_BREAK}{percent(high)}"
    return _figure(key, name, percent(fraction), place, bounds)


def _figure(key: str, name: str, value: str, *notes: str) -> dict[str, Any]:
    return {"key": key, "name": name, "value": value, "notes": [note for note in notes if note]}


def findings(run: Evaluation) -> list[dict[str, str]]:
    """Failures and warnings, the gravest first; what is only for the record stands among the checks."""
    open_findings = [finding for finding in run.findings if finding.severity in TONES]
    ordered = sorted(open_findings, key=lambda finding: list(TONES).index(finding.severity))
    return [
        {
            "id": finding.id,
            "severity": finding.severity,
            "tone": TONES[finding.severity],
            "message": finding.message,
            "evidence": finding.evidence,
            "remedy": finding.remedy,
        }
        for finding in ordered
    ]


def checks(run: Evaluation) -> list[dict[str, Any]]:
    """What was tried, and what was not."""
    proved = bool(np.any(run.lower > 0))
    notes = [finding for finding in run.findings if finding.severity == "INFO"]
    if not any(finding.id == "adaptive" for finding in notes):
        notes.append(
            Finding(
                "adaptive", "INFO", "Adaptive attack: none supplied", "", "add one that is written against the defence"
            )
        )
    return [
        {"done": True, "text": f"Attacks run: {', '.join(run.attacks) or 'none'}.", "more": ""},
        {
            "done": run.trusted,
            "text": f"Checks of model and attacks: {'none failed' if run.trusted else 'failed, see the findings'}.",
            "more": "",
        },
        {
            "done": proved,
            "text": f"Certificates: {'lower bounds were computed' if proved else 'none'}.",
            "more": "" if proved else "The true robust accuracy may be anything below the figure given.",
        },
        *(
            {
                "done": False,
                "text": f"{finding.message}.",
                "more": _sentence(finding),
            }
            for finding in notes
        ),
    ]


def _sentence(finding: Finding) -> str:
    text = "; ".join(part for part in (finding.evidence, finding.remedy) if part)
    return f"{text[:1].upper()}{text[1:]}."
