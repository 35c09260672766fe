"""`epsball check` in a shell: exit codes, files, and JSON alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Call

WORSE = """
import torch
from nets import linear
def noisy():
    net = linear()
    print("made by the user")
    with torch.no_grad():
        noise = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
        net[1].weight[:, 3:] += 0.1 * noise[:, 3:]
    def forward(x):
        print("called by the user")
        return net(x)
    return forward
"""


def words(*more: str, model: str = "nets.py:linear", eps: str = "0.02") -> list[str]:
    return ["check", model, "--data", "data.npz", "--norm", "linf", "--eps", eps, *more]


@pytest.fixture
def baseline(call: Call, at_home: Path) -> Path:
    said = call(*words("--suite", "fgsm,pgd", "--write-baseline", "robust.json"))
    assert said.exit_code == 0, said.output
    assert "Baseline written: robust.json" in said.stderr
    (at_home / "worse.py").write_text("import sys; sys.path.insert(0, '.')" + WORSE)
    return at_home / "robust.json"


HELD = ("--suite", "fgsm,pgd", "--baseline", "robust.json")


def test_passed_failed_undecided_and_refused(call: Call, baseline: Path) -> None:
    assert baseline.is_file()
    judged: tuple[tuple[tuple[str, ...], str, int, str], ...] = (
        (("--max-drop", "10pt"), "nets.py:linear", 0, "Gate passed"),
        (("--max-drop", "10pt"), "worse.py:noisy", 1, "Gate failed"),
        (("--max-drop", "1pt"), "nets.py:linear", 3, "Gate undecided"),
        (("--max-drop", "10pt", "--gate", "99%"), "nets.py:linear", 1, "Gate failed"),
    )
    for more, model, code, word in judged:
        said = call(*words(*HELD, *more, model=model))
        assert (said.exit_code, word in said.stderr) == (code, True), said.output
    refused: tuple[tuple[tuple[str, ...], str, str], ...] = (
        (("--baseline", "none.json"), "0.02", "there is no baseline none.json"),
        ((*HELD, "--max-drop", "20"), "0.02", "write 20pt"),
        (HELD, "0.03", "was measured for linf"),
        ((*HELD, "--n", "7"), "0.02", "33 of the baseline's 40 samples"),
        ((), "0.02", "nothing to hold the model against"),
        ((*HELD, "--budget", "soon"), "0.02", "the budget was given as 'soon'"),
    )
    for more, eps, sentence in refused:
        said = call(*words(*more, eps=eps))
        assert (said.exit_code, sentence in said.stderr) == (2, True), said.output


def test_json_alone_reaches_stdout_and_says_what_the_gate_says(call: Call, baseline: Path) -> None:
    said = call(*words(*HELD, "--max-drop", "10pt", "--json", model="worse.py:noisy"))
    found = json.loads(said.stdout)
    assert "made by the user" in said.stderr
    assert "called by the user" in said.stderr
    assert (said.exit_code, found["passed"], found["trusted"]) == (1, False, True)
    assert found["gate"]["verdict"] == "failed"
    (limit,) = found["gate"]["limits"]
    assert limit["kind"] == "drop"
    assert len(found["gate"]["changed"]["lost"]) - len(found["gate"]["changed"]["won"]) == round(40 * limit["value"])
    baseline.write_text("{}")
    said = call(*words(*HELD, "--json"))
    assert said.exit_code == 2
    assert "no baseline as epsball writes it" in json.loads(said.stdout)["error"]["message"]


def test_the_files_are_written_whatever_the_verdict(call: Call, baseline: Path) -> None:
    for model, code in (("nets.py:linear", 0), ("worse.py:noisy", 1)):
        files = ("--junit", "out.xml", "--sarif", "out.sarif", "--summary", "summary.md")
        said = call(*words(*HELD, *files, "--max-drop", "10pt", model=model))
        assert said.exit_code == code
        texts = [(baseline.parent / name).read_text() for name in files[1::2]]
        assert ("<failure" in texts[0], '"gate/drop"' in texts[1]) == (bool(code), bool(code))
        assert texts[2].startswith(f"### Robustness: {'failed' if code else 'passed'}")
    (run,) = json.loads((baseline.parent / "out.sarif").read_text())["runs"]
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "worse.py"


def test_a_run_folder_is_a_baseline_and_a_check_may_write_one(call: Call, baseline: Path) -> None:
    assert call(*words("--suite", "fgsm,pgd", "--gate", "0", "--out", "run")).exit_code == 0
    said = call(*words("--suite", "fgsm,pgd", "--baseline", "run", "--max-drop", "10pt", "--out", "again"))
    assert said.exit_code == 0, said.output
    assert call("verify", "again", "--model", "nets.py:linear").exit_code == 0
    assert baseline.is_file()


def test_within_rounds_the_note_says_what_is_left_out(call: Call, baseline: Path) -> None:
    said = call(*words(*HELD, "--max-drop", "30pt", "--budget", "2 rounds", "--json"))
    assert "evaluated 16 of 40 samples" in said.stderr
    assert json.loads(said.stdout)["data"]["n"] == 16
    assert baseline.is_file()
