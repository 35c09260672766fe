"""A verdict as JUnit XML, which every server of continuous integration reads: a test case a limit, and one a finding."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from epsball.report.rounds import in_time
from epsball.report.text import epsilon, title_of, with_interval
from epsball.terminal import printable

if TYPE_CHECKING:
    from epsball.gate.verdict import Bound, Verdict

_SUITE = "epsball"


def junit_bytes(verdict: Verdict) -> bytes:
    """The document in UTF-8.

    A limit that is broken is a failure, one that the samples cannot tell an error. Where the run cannot be trusted its limits are
    skipped, and that is an error of its own. A FAIL finding is a failure; a WARN finding passes, and what it says is its output.
    """
    run = verdict.run
    suite = Element("testsuite", name=_SUITE)
    suite.append(_properties(verdict))
    for bound in verdict.bounds:
        case = SubElement(suite, "testcase", classname=f"{_SUITE}.gate", name=bound.title, time="0")
        _judge(case, verdict, bound)
    case = SubElement(suite, "testcase", classname=f"{_SUITE}.run", name="the result can be quoted", time="0")
    if not verdict.judged:
        _say(case, "error", "unusable", verdict.reason)
    seen = Counter[str]()
    for finding in run.findings:
        said = f"{finding.message} ({finding.evidence}); {finding.remedy}"
        if finding.severity == "INFO":
            continue
        seen[finding.id] += 1
        name = printable(finding.id) + f" ({seen[finding.id]})" * (seen[finding.id] > 1)
        case = SubElement(suite, "testcase", classname=f"{_SUITE}.finding", name=name, time="0")
        if finding.severity == "FAIL":
            _say(case, "failure", finding.id, said)
        else:
            SubElement(case, "system-out").text = printable(said)
    counted = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    suite.attrib |= {"tests": str(len(suite.findall("testcase"))), "time": f"{run.seconds:.3f}"}
    suite.attrib |= {name: str(len(suite.findall(f"testcase/{tag}"))) for name, tag in counted.items()}
    suites = Element("testsuites", name=_SUITE)
    suites.append(suite)
    indent(suites)
    document: bytes = tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _properties(verdict: Verdict) -> Element:
    run = verdict.run
    plan = run.plan
    held = Element("properties")
    facts = {
        "model": title_of(plan),
        "data": " ".join(filter(None, (plan.data.source, plan.data.split))),
        "threat": f"{plan.threat.norm}, ε = {epsilon(plan.threat)}",
        "suite": f"{plan.suite}, version {plan.suite_version}",
        "seed": str(plan.seed),
        "samples": str(len(run)),
        "clean accuracy": with_interval(run.clean_accuracy, len(run)),
        "robust accuracy": with_interval(run.robust_accuracy(), len(run)),
        "time": in_time(run),
        "verdict": verdict.word,
    }
    for name, value in facts.items():
        if value:
            SubElement(held, "property", name=name, value=printable(value))
    return held


def _judge(case: Element, verdict: Verdict, bound: Bound) -> None:
    if not verdict.judged:
        _say(case, "skipped", "", verdict.reason)
    elif bound.passed is None:
        _say(case, "error", "undecided", bound.reason)
    elif bound.passed:
        SubElement(case, "system-out").text = printable(bound.reason)
    else:
        _say(case, "failure", "gate", bound.reason)


def _say(case: Element, tag: str, kind: str, text: str) -> None:
    said = SubElement(case, tag, message=printable(text))
    if kind:
        said.set("type", printable(kind))
    said.text = printable(text)
