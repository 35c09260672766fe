"""What was tried, what was not, and what stands in the record beside the findings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.display.text import NORMS
from epsball.report.rounds import in_time, skipped
from epsball.report.target import target
from epsball.report.text import TIMES, count, limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.record import Evaluation, Finding

NONE = "none supplied"
"""How the finding ends that says that no adaptive attack took part."""

LOOKS = {
    "quick": "It is for a first look; evaluate with the suite standard for a figure to report.",
    "minimal": "It looks for the nearest errors; the suite standard looks harder for errors within one ε.",
    "labels": "It sees predicted labels only; an attacker who has the gradients finds more.",
    "blackbox": "It sees scores only; an attacker who has the gradients finds more.",
}
"""What is missing from a suite."""

ACCESS = {
    "GRADIENT": ("Attacks by gradients", "an attacker who has the weights was not tried"),
    "SCORES": ("Attacks by scores alone", "where gradients mislead, these find what gradients miss; --suite blackbox"),
    "LABELS": ("Attacks by the predicted label alone", "likewise; --suite labels"),
}


def tried(run: Evaluation) -> list[dict[str, Any]]:
    """One entry for each thing that was done."""
    plan = run.plan
    suite = "attacks chosen by hand" if plan.suite == "custom" else f"suite {plan.suite}, version {plan.suite_version}"
    shape = f" {TIMES} ".join(map(str, plan.data.shape))
    entries = [
        _entry(f"{count(len(run))} images of shape {shape}, changed {limit(plan.threat)}.")
        if math.isfinite(run.eps)
        else _entry(f"{count(len(run))} images of shape {shape}, at any {NORMS[plan.threat.norm]} distance."),
        _entry(f"Attacks run: {', '.join(run.attacks) or 'none'} ({suite}).", LOOKS.get(plan.suite, "")),
        _entry(
            f"Checks of model and attacks: {'none failed' if run.trusted else 'failed, see the findings'}.",
            done=run.trusted,
        ),
    ]
    if np.any(run.lower > 0):
        entries.append(_entry(f"Certificates: lower bounds were computed by {', '.join(run.plan.certifiers)}."))
    return entries


def untested(run: Evaluation) -> list[dict[str, Any]]:
    """One entry for each thing that a reader might believe was done, and was not."""
    return [_entry(text, more, done=False) for text, more in _gaps(run)]


def _gaps(run: Evaluation) -> Iterator[tuple[str, str]]:
    plan = run.plan
    if towards := target(plan):
        yield f"Errors other than {towards}.", "The attacks aimed at that class alone."
    if left := skipped(run):
        yield f"The other {count(left)} images.", f"The run {in_time(run)}."
    seen = {attack.access for attack in plan.attacks.values() if not attack.noise_only}
    for access, (name, why) in ACCESS.items():
        if access not in seen:
            yield f"{name}.", f"{why[:1].upper()}{why[1:]}."
    if not plan.minimum_norm:
        yield "Errors beyond ε.", "No attack looked for the nearest error, so the distances say nothing there."
    others = [NORMS[norm] for norm in NORMS if norm != plan.threat.norm]
    yield (
        f"Changes measured in {', '.join(others[:-1])} or {others[-1]}.",
        f"A model that withstands small {NORMS[plan.threat.norm]} changes may fall to those.",
    )
    yield (
        "Changes that no norm measures.",
        "Rotations, patches, weather, blur, and whatever else images meet in use.",
    )
    if not np.any(run.lower > 0):
        yield (
            "Proofs.",
            "No certificate was computed, so the true robust accuracy may be anything below the figure given.",
        )
    if not any(finding.id == "adaptive" and not finding.message.endswith(NONE) for finding in run.findings):
        yield f"Adaptive attack: {NONE}.", "Where the model is defended, add one that is written against that defence."
    yield (
        "Other images.",
        f"The 95 % interval speaks for images drawn like these {count(len(run))}, not for another camera or task.",
    )


def notes(run: Evaluation) -> list[dict[str, Any]]:
    """What checks found that is for the record only."""
    return [
        _entry(f"{finding.message}.", _sentence(finding))
        for finding in run.findings
        if finding.severity == "INFO" and not finding.message.endswith(NONE)
    ]


def _entry(text: str, more: str = "", *, done: bool = True) -> dict[str, Any]:
    return {"text": text, "more": more, "done": done}


def _sentence(finding: Finding) -> str:
    text = "; ".join(part for part in (finding.evidence, finding.remedy) if part)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
