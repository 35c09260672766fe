"""What the record says first: a sentence about the model, how far its number can be believed, the headline figures, the findings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.display.text import NORMS
from epsball.record import metrics
from epsball.record.statistics import wilson
from epsball.report.budget import budget
from epsball.report.target import left, left_out, target
from epsball.report.text import DASH, NO_BREAK, count, epsilon, limit, number, percent, with_interval

if TYPE_CHECKING:
    from epsball.record import Evaluation

TONES = {"FAIL": "bad", "WARN": "warn"}
HALF, MOST = 0.5, 0.9
"""Of the images that are classified correctly, what must stand for "part of them is lost", and for "most of them stand"."""


def verdict(run: Evaluation) -> dict[str, str]:
    """The sentence about the model and its colour, what the sentence rests on, and whether the number can be believed."""
    so_far = "" if run.complete else "So far: "
    standing, tone = _standing(run)
    trust, trust_tone = _trust(run)
    return {
        "headline": so_far + _headline(run),
        "standing": standing,
        "tone": tone,
        "trust": trust,
        "trust_tone": trust_tone,
        "detail": _detail(run),
        "meaning": _meaning(run),
    }


def _trust(run: Evaluation) -> tuple[str, str]:
    """Whether the number can be believed; that says nothing about the model, so it is never green."""
    failed = sum(finding.severity == "FAIL" for finding in run.findings)
    warned = sum(finding.severity == "WARN" for finding in run.findings)
    if not run.complete:
        ended = f"{len(run.attacks)} of {len(run.plan.attacks)} attacks ended"
        return f"Unfinished: {ended}; no figure here is a result", "bad"
    if failed:
        return (
            f"Not trusted: {failed} check{'s' * (failed > 1)} failed, see the findings ({', '.join(run.failed)})",
            "bad",
        )
    if warned:
        return f"Trusted, with {warned} warning{'s' * (warned > 1)}", "warn"
    return "Trusted: every reported error was checked again", ""


def _standing(run: Evaluation) -> tuple[str, str]:
    """How the model stands at the run's ε, and the colour of that; without an ε, or a number to believe, neither."""
    right = _right(run)
    if not run.trusted:
        return "No judgement of the model", "bad"
    if math.isinf(run.eps) or not right:
        return "", ""
    kept = _robust(run) / right
    if kept < HALF:
        return "Most images are lost" if kept else "Every image is lost", "bad"
    if kept < MOST or run.robust_accuracy() < HALF:
        return "Part of the images is lost", "warn"
    stand = "Every image stands" if kept == 1 else "Most images stand"
    return (stand, "") if target(run.plan) else (f"{stand} against these attacks", "good")


def _right(run: Evaluation) -> int:
    return int(np.sum(run.clean == run.label))


def _robust(run: Evaluation) -> int:
    return int(metrics.robust(run, budget(run)).sum())


def _headline(run: Evaluation) -> str:
    right = _right(run)
    broken = right - _robust(run)
    towards = target(run.plan)
    outcome = (
        f"so that the model takes {'it' if broken == 1 else 'them'} for {towards}" if towards else "so that it errs"
    )
    if not right:
        return (
            f"The model classifies none of the {count(len(run))} images correctly, so there is nothing left to attack."
        )
    of = f"of the {count(right)} images that the model classifies correctly"
    if not run.attacks:
        return f"No attack was run; the model classifies {count(right)} of {count(len(run))} images correctly."
    if math.isinf(run.eps):
        return _nearest(run, of, broken, towards)
    change = f"can be changed {limit(run.plan.threat)} {outcome}"
    if not broken:
        said = f"could be turned into {towards}" if towards else "could be turned into an error"
        return f"None {of} {said}: no attack found a change {limit(run.plan.threat)} that does it."
    every = f"All {count(right)}" if right > 1 else "The one"
    if broken == right:
        return f"{every} {of.removeprefix(f'of the {count(right)} ')} {change}."
    return f"{count(broken)} {of} {change}."


def _nearest(run: Evaluation, of: str, broken: int, towards: str) -> str:
    median, norm = metrics.median_distance(run), NORMS[run.plan.threat.norm]
    if math.isfinite(median):
        return f"Half {of} become {towards or 'an error'} by a change of {norm} length {number(median)} or less."
    if not broken:
        return f"None {of} could be turned into {towards or 'an error'} at any {norm} distance."
    farthest = number(float(run.upper[np.isfinite(run.upper)].max()))
    return (
        f"{count(broken)} {of} become {towards or 'an error'} by a change of {norm} length {farthest} or less; "
        "for the others none was found."
    )


def _detail(run: Evaluation) -> str:
    """The counts behind the sentence."""
    n, rest = len(run), left_out(run.plan)
    text = f"As they are, {count(_right(run))} of {count(n)} images are classified correctly: {with_interval(run.clean_accuracy, n)}."
    if math.isfinite(run.eps) and run.attacks:
        remaining = left(run.plan) if target(run.plan) else "still correct"
        text += f" Attacked, {count(_robust(run))} of {count(n)} are {remaining}: {with_interval(run.robust_accuracy(), n)}."
    return f"{text} {rest}." if rest else text


def _meaning(run: Evaluation) -> str:
    if target(run.plan):
        return (
            f"These attacks looked for {target(run.plan)} alone, so this is no robust accuracy: "
            "an image that is left may have another error nearby."
        )
    if math.isinf(run.eps):
        return "These attacks show errors that exist; a stronger attack may find nearer ones."
    text = "Attacks show errors that exist; a stronger attack may show more, so the robust accuracy is at most this figure."
    proved = run.certified_accuracy()
    return f"{text} For {with_interval(proved, len(run))} it is proved that no error exists." if proved > 0 else text


def headline(run: Evaluation) -> list[dict[str, Any]]:
    """The figures a reader takes away."""
    n = len(run)
    threat, data = run.plan.threat, run.plan.data
    norm = NORMS[threat.norm]
    figures = []
    if math.isfinite(run.eps):
        place = f"at {norm}, ε = {epsilon(threat)}"
        name = left(run.plan).capitalize() if target(run.plan) else "Robust accuracy"
        figures.append(_fraction("robust", name, run.robust_accuracy(), run.interval(), place))
    figures.append(
        _fraction("clean", "Clean accuracy", run.clean_accuracy, wilson(_right(run), n), "without an attack")
    )
    median, aim = metrics.median_distance(run), target(run.plan) or "an error"
    known = [f"{norm}, in data units", "of images classified correctly"]
    notes = known if math.isfinite(median) else ["none is known for most of the images"]
    shown = number(median) if math.isfinite(median) else DASH
    origin = f"from {data.source}" if data.source else "given as arrays"
    split = f"split {data.split}" if data.split else ""
    return [
        *figures,
        _figure("median", f"Median distance to {aim}", shown, *notes),
        _figure("samples", "Images", count(n), origin, split, left_out(run.plan)),
    ]


def _fraction(key: str, name: str, fraction: float, interval: tuple[float, float], place: str) -> dict[str, Any]:
    low, high = interval
    bounds = f"95{NO_BREAK}% interval {100 * low:.1f}{NO_BREAK}{DASH}{NO_BREAK}{percent(high)}"
    scale = {"low": f"{100 * low:.1f}", "width": f"{100 * (high - low):.1f}", "at": f"{100 * fraction:.1f}"}
    return {**_figure(key, name, percent(fraction), bounds, place), "scale": scale}


def _figure(key: str, name: str, value: str, *notes: str) -> dict[str, Any]:
    return {"key": key, "name": name, "value": value, "notes": [note for note in notes if note], "scale": None}


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
