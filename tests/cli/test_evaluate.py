"""``epsball evaluate``, ``attack``, ``verify`` and ``report`` on a model and data of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import epsball.diagnostics
from cli.words import evaluate
from epsball.record import Finding, read_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]

FULL = ["--suite", "quick", "--out", "run"]


def attack(name: str, *words: str, norm: str = "linf") -> list[str]:
    return ["attack", "nets.py:linear", "--data", "data.npz", "--attack", name, "--norm", norm, *words]


def test_a_run_is_kept_and_can_be_verified_and_reported(call: Call) -> None:
    assert call(*evaluate(*FULL)).exit_code == 0
    verified = call("verify", "run", "--trust-source")
    assert verified.exit_code == 0, verified.stderr
    assert "40" in verified.stdout
    reported = call("report", "run", "--out", "page.html")
    assert reported.stdout.strip() == "page.html"
    assert "<svg" in Path("page.html").read_text(encoding="utf-8")


def test_json_is_one_document_and_everything_else_is_on_stderr(call: Call) -> None:
    said = call(*evaluate("--json"))
    document = json.loads(said.stdout)
    assert document["clean_accuracy"] == 1.0
    assert document["threat"]["eps"] == 0.1
    assert document["results"]["fgsm"]["attacked"] == 40
    assert 0 < document["robust_accuracy"] < 1
    assert "fgsm" in said.stderr


def test_the_figures_are_those_of_the_closed_form(call: Call) -> None:
    document = json.loads(call(*evaluate("--json", suite="fgsm,deepfool")).stdout)
    x = np.load("data.npz")["x"].reshape(40, 16)[:, :3]
    ordered = np.sort(x, 1)
    distance = (ordered[:, 2] - ordered[:, 1]) / 2
    assert document["robust_accuracy"] == pytest.approx((distance > 0.1).mean())
    assert document["results"]["fgsm"]["successes"] == (distance <= 0.1).sum()
    assert document["results"]["deepfool"]["median_distance"] == pytest.approx(np.median(distance), rel=0.01)


def test_epsilon_may_be_a_fraction_everywhere(call: Call) -> None:
    said = call(*evaluate("--json", "--eps", "8/255"))
    assert json.loads(said.stdout)["threat"]["eps"] == pytest.approx(8 / 255)
    shown = call(*evaluate("--eps", "8/255"))
    assert "ε = 8/255" in shown.stdout


def test_without_a_budget_only_those_attacks_run_that_need_none(call: Call) -> None:
    said = call("evaluate", "nets.py:linear", "--data", "data.npz", "--norm", "l2", "--suite", "quick", "--json")
    document = json.loads(said.stdout)
    assert list(document["results"]) == ["deepfool"]
    assert document["threat"]["eps"] == "inf"
    assert document["robust_accuracy"] < 0.2


@pytest.mark.parametrize(("gate", "code"), [("0.0", 0), ("0.99", 1), ("99/100", 1)])
def test_a_gate_decides_the_exit_code(call: Call, gate: str, code: int) -> None:
    said = call(*evaluate("--gate", gate))
    assert said.exit_code == code
    assert ("Gate failed" in said.stderr) == (code == 1)


def test_an_untrustworthy_result_exits_3_though_it_is_shown(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    doubt = Finding("D99", "FAIL", "the gradients are zero", "40 of 40 samples", "repair the model")
    monkeypatch.setattr(epsball.diagnostics, "preflight", lambda *_: [doubt])
    said = call(*evaluate("--json"))
    assert said.exit_code == 3
    assert "FAIL: the gradients are zero (40 of 40 samples); repair the model" in said.stderr
    document = json.loads(said.stdout)
    assert document["trusted"] is False
    assert document["findings"][0]["id"] == "D99"


def test_normalisation_is_part_of_the_model_and_of_the_record(call: Call) -> None:
    plain = json.loads(call(*evaluate("--json")).stdout)
    words = evaluate("--json", "--mean", "0.5", "--std", "0.5", "--out", "run", model="nets.py:centred")
    centred = json.loads(call(*words).stdout)
    assert centred["robust_accuracy"] == plain["robust_accuracy"]
    assert centred["model"]["mean"] == [0.5]
    assert call("verify", "run", "--trust-source").exit_code == 0
    Path("nets.py").rename("moved.py")
    assert call("verify", "run", "--trust-source").exit_code == 2
    assert call("verify", "run", "--model", "moved.py:centred").exit_code == 0
    assert call("verify", "run", "--model", "moved.py:probabilities").exit_code == 3


def test_probabilities_are_taken_when_announced(call: Call) -> None:
    said = call(*evaluate("--json", "--outputs", "probs", model="nets.py:probabilities"))
    assert said.exit_code == 0, said.stderr
    assert json.loads(said.stdout)["clean_accuracy"] == 1.0


def test_the_entry_that_is_named_is_part_of_the_record_and_verified(call: Call) -> None:
    assert call(*evaluate("--json", model="nets.py:dictionary")).exit_code == 2
    said = call(*evaluate("--json", "--key", "scores", "--out", "run", model="nets.py:dictionary"))
    assert said.exit_code == 0, said.stderr
    document = json.loads(said.stdout)
    assert document["model"]["key"] == "scores"
    assert document["robust_accuracy"] == json.loads(call(*evaluate("--json")).stdout)["robust_accuracy"]
    assert call("verify", "run", "--trust-source").exit_code == 0
    attacked = call(*attack("pgd", "--eps", "0.1", "--key", "scores", "--json"))
    assert attacked.exit_code == 2
    assert "and nothing beside it, and the key is 'scores'; leave the key out" in attacked.stderr
    refused = call(*evaluate("--key", "scores", "--estimate", "nes:5", model="nets.py:dictionary"))
    assert "--outputs or --key, which belong behind it" in refused.stderr


def test_an_altered_run_fails_verification_in_one_sentence(call: Call) -> None:
    call(*evaluate(*FULL))
    file = Path("run", "samples.parquet")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    said = call("verify", "run")
    assert said.exit_code == 3
    assert "samples.parquet" in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1


def test_settings_of_an_attack_are_flags(call: Call) -> None:
    words = [
        "--eps",
        "0.1",
        "--steps",
        "3",
        "--rate=1/2",
        "--loss",
        "margin",
        "--no-random-start",
        "--rule",
        "momentum",
    ]
    assert call(*attack("pgd", *words, "--out", "run")).exit_code == 0
    made = read_run("run").plan.attacks["pgd"].settings
    assert (made["steps"], made["rate"], made["loss"], made["random_start"]) == (3, 0.5, "margin", False)
    assert made["rule"]["class"] == "momentum"


def test_restarts_wrap_the_attack(call: Call) -> None:
    assert call(*attack("pgd", "--eps", "0.1", "--steps", "2", "--restarts", "3", "--out", "run")).exit_code == 0
    made = read_run("run").plan.attacks["pgd"]
    assert (made.kind, made.settings["n"], made.settings["attack"]["steps"]) == ("Restarts", 3, 2)


def test_a_target_leaves_out_its_own_samples_and_says_so(call: Call) -> None:
    said = call(*attack("pgd", "--eps", "0.4", "--target", "1", "--out", "run"))
    assert said.exit_code == 0, said.stderr
    own = int((np.load("data.npz")["y"] == 1).sum())
    assert f"{own} of 40 samples have the label 1 already and are left out." in said.stderr
    run = read_run("run")
    rows = run.attacks["pgd"]
    assert len(run) == 40 - own
    assert rows.success.any()
    assert set(rows.after[rows.success]) == {1}
    assert set(run.ids) == set(np.flatnonzero(np.load("data.npz")["y"] != 1))
    assert call("verify", "run", "--trust-source").exit_code == 0


def test_a_third_partys_attack_needs_no_registration(
    call: Call, at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(at_home)
    Path("theirs.py").write_text(
        "from dataclasses import dataclass\n"
        "from epsball import Attack\n"
        "@dataclass(frozen=True)\n"
        "class Centre(Attack):\n"
        '    """Towards grey."""\n'
        "    share: float = 0.1\n"
        "    def run(self, ask):\n"
        "        return ask.threat.project(ask.x0 + self.share * (0.5 - ask.x0), ask.x0)\n"
    )
    said = call(*attack("theirs:Centre", "--eps", "0.4", "--share", "0.9", "--json"))
    assert said.exit_code == 0, said.stderr
    assert json.loads(said.stdout)["attacks"]["theirs:Centre"]["settings"]["share"] == 0.9


def test_the_same_command_again_reads_what_is_there_and_says_so(call: Call) -> None:
    said = [call(*evaluate(*FULL, "--json")) for _ in range(2)]
    first, again = (json.loads(one.stdout) for one in said)
    assert (first["reused"], again["reused"]) == (False, True)
    assert again["environment"] == first["environment"]
    assert again["results"] == first["results"]
    sentence = "run is finished already and was made with the same plan: its result is read, nothing is computed"
    assert [sentence in one.stderr for one in said] == [False, True]


def test_an_altered_run_is_neither_reused_nor_reported(call: Call) -> None:
    assert call(*evaluate(*FULL)).exit_code == 0
    file = Path("run", "samples.parquet")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    for words in (evaluate(*FULL), ["report", "run"]):
        said = call(*words)
        assert said.exit_code == 2
        assert "samples.parquet is not as it was written" in said.stderr
        assert len(said.stderr.strip().splitlines()) == 1


def test_a_search_in_bfloat16_is_written_into_the_run(call: Call) -> None:
    assert call(*evaluate(*FULL, "--bfloat16")).exit_code == 0
    assert read_run(Path("run")).plan.batching.bfloat16 is True


def test_levels_reach_the_threat(call: Call) -> None:
    with np.load("data.npz") as data:
        x, y = (data["x"] * 255).round().astype(np.float32) / 255, data["y"]
    np.savez("data.npz", x=x, y=y)
    for words in (
        evaluate("--json", "--levels", "256", suite="fgsm"),
        attack("fgsm", "--eps", "0.1", "--levels", "256", "--json"),
    ):
        assert json.loads(call(*words).stdout)["threat"]["levels"] == 256
    refused = call(*evaluate("--levels", "4", suite="fgsm"))
    assert refused.exit_code == 2
    assert "apart" in refused.stderr


def test_an_estimator_stands_in_the_run_and_costs_its_passes(call: Call) -> None:
    words = ["--estimate", "eot:3", "--out", "run"]
    assert call(*attack("fgsm", "--eps", "0.1", *words)).exit_code == 0
    assert read_run(Path("run")).plan.model.source == "eot:3:nets.py:linear"
    assert call("verify", "run", "--trust-source").exit_code == 0
    assert json.loads(call(*evaluate("--json", "--estimate", "nes:4", suite="fgsm")).stdout)["model"][
        "source"
    ].startswith("nes:4:")
    refused = call(*evaluate("--estimate", "eot:3", "--mean", "0.5"))
    assert refused.exit_code == 2
    assert "which belong behind it" in refused.stderr


@pytest.mark.thorough
def test_a_thorough_look_is_one_word(call: Call) -> None:
    said = call(*evaluate("--json", "--thorough", "--every-sample", suite="pgd"))
    document = json.loads(said.stdout)
    assert {"noise-1000", "blackbox", "planted"} <= set(document["results"])
    assert {"D07", "D10", "D11", "D12", "D24"} <= {each["id"] for each in document["findings"]}
