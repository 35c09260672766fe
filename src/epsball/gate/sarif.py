"""A verdict as SARIF 2.1.0, which code hosts show beside the changed files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epsball.diagnostics.base import CHECKS
from epsball.report.text import title_of
from epsball.terminal import printable

if TYPE_CHECKING:
    from epsball.gate.verdict import Verdict
    from epsball.record import Finding, Plan

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://github.com/epsball/epsball"
_LEVELS = {"FAIL": "error", "WARN": "warning", "INFO": "note"}
_UNDECIDED = "gate/undecided"
_RULES = {
    "gate/drop": "Robust accuracy fell by more than is allowed.",
    "gate/accuracy": "Robust accuracy is lower than is asked for.",
    _UNDECIDED: "The samples are too few to tell whether robust accuracy is within its limit.",
}


def sarif_bytes(verdict: Verdict) -> bytes:
    """The document in UTF-8: a result for each limit that is not kept or cannot be judged, and for each finding.

    A broken limit is an error, an undecided one a warning; FAIL, WARN and INFO findings are error, warning and note. A result lies
    at the model's file where its name holds one.
    """
    plan = verdict.run.plan
    results, rules = [], dict[str, str]()
    for bound in verdict.bounds if verdict.judged else ():
        if bound.passed:
            continue
        rule = _UNDECIDED if bound.passed is None else f"gate/{bound.kind}"
        rules[rule] = _RULES[rule]
        level = "warning" if bound.passed is None else "error"
        results.append(_result(rule, level, _sentence(bound.reason), plan))
    for finding in verdict.run.findings:
        rules.setdefault(printable(finding.id), _rule(finding))
        results.append(_result(printable(finding.id), _LEVELS[finding.severity], _said(finding), plan))
    order = sorted(rules)
    for result in results:
        result["ruleIndex"] = order.index(result["ruleId"])
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": _driver(plan, [{"id": rule, "shortDescription": {"text": rules[rule]}} for rule in order])
                },
                "invocations": [{"executionSuccessful": verdict.judged}],
                "results": results,
                "properties": {"verdict": verdict.word, "reason": printable(verdict.reason)},
            }
        ],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _driver(plan: Plan, rules: list[dict[str, Any]]) -> dict[str, Any]:
    version = plan.environment.versions.get("epsball")
    return {"name": "epsball", "informationUri": HOME, **({"version": version} if version else {}), "rules": rules}


def _result(rule: str, level: str, text: str, plan: Plan) -> dict[str, Any]:
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [_location(plan)],
        "partialFingerprints": {"epsball/v1": f"{rule} of {printable(title_of(plan))}"},
    }


def _location(plan: Plan) -> dict[str, Any]:
    """The model by name, and its file if its name holds one below the working folder."""
    named = {"logicalLocations": [{"fullyQualifiedName": printable(title_of(plan)), "kind": "module"}]}
    for part in plan.model.source.replace("@", ":").split(":"):
        path = Path(part)
        if part and not path.is_absolute() and ".." not in path.parts and path.is_file():
            place = {"artifactLocation": {"uri": path.as_posix()}, "region": {"startLine": 1}}
            return {"physicalLocation": place, **named}
    return named


def _rule(finding: Finding) -> str:
    """What the check looks for, as its own row in the documentation says; the message of one that is not registered here."""
    text = (CHECKS[finding.id].test.__doc__ or "").partition("\n")[0] if finding.id in CHECKS else ""
    return _sentence(text or finding.message)


def _said(finding: Finding) -> str:
    return _sentence("; ".join(part for part in (finding.message, finding.evidence, finding.remedy) if part))


def _sentence(text: str) -> str:
    return f"{printable(text[:1].upper() + text[1:]).rstrip('.')}."
