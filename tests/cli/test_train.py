"""``epsball train``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.words import evaluate
from epsball.cli.held_out import loaded
from epsball.cli.training_files import with_weights
from epsball.models.weights import read_weights
from epsball.training.checkpoint import Checkpoint, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]


def train(*words: str, arch: str = "linear", data: str = "digits") -> list[str]:
    return [
        "train",
        arch,
        "--data",
        data,
        "--out",
        "w.safetensors",
        "--epochs",
        "2",
        "--n",
        "300",
        "--rate",
        "0.05",
        *words,
    ]


def weights() -> list[list[float]]:
    return list(read_weights("w.safetensors")[0]["1.weight"].tolist())


def test_weights_are_written_and_found_again(call: Call) -> None:
    said = call(*train("--json"))
    assert said.exit_code == 0, said.stderr
    document = json.loads(said.stdout)
    assert document["model"] == "zoo:linear@w.safetensors"
    assert [epoch["number"] for epoch in document["epochs"]] == [1, 2]
    assert not Path("w.safetensors.checkpoint").exists()
    used = call(*evaluate("--json", "--n", "50", model=document["model"], data="digits"))
    assert json.loads(used.stdout)["data"]["shape"] == [1, 8, 8]


def test_the_seed_decides_the_weights(call: Call) -> None:
    files = []
    for seed in ("1", "1", "2"):
        assert call(*train("--seed", seed, "--force")).exit_code == 0
        files.append(weights())
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_a_budget_shows_what_a_standard_training_withstands(call: Call) -> None:
    said = call(*train("--json", "--norm", "l2", "--eps", "0.5"))
    assert said.exit_code == 0, said.stderr
    document = json.loads(said.stdout)
    assert all(0 <= epoch["robust"] < epoch["accuracy"] for epoch in document["epochs"])
    assert said.stderr.count("under PGD") >= 2, "each epoch's line has it"
    assert "--norm l2 --eps 0.5" in document["next"]


@pytest.mark.parametrize("objective", ["fgsm", "pgd"])
def test_adversarial_training_makes_a_linear_model_more_robust(call: Call, objective: str) -> None:
    def robust() -> float:
        words = evaluate("--json", "--n", "200", model="zoo:linear@w.safetensors", data="digits")
        return float(json.loads(call(*words).stdout)["robust_accuracy"])

    more = ["--epochs", "6", "--rate", "0.02"]
    assert call(*train(*more)).exit_code == 0
    before = robust()
    steps = ["--steps", "3"] if objective == "pgd" else []
    said = call(*train(*more, "--objective", objective, "--eps", "0.1", "--force", *steps))
    assert said.exit_code == 0, said.stderr
    assert robust() > before


def test_an_interrupt_keeps_the_finished_epochs(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(checkpoint: Checkpoint, state: State) -> None:
        save(checkpoint, state)
        if len(state.history) == 1:
            raise KeyboardInterrupt

    save = Checkpoint.save
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save", stopped)
        said = call(*train())
    assert said.exit_code == 130
    assert "w.safetensors.checkpoint" in said.stderr
    assert not Path("w.safetensors").exists()
    assert call(*train()).exit_code == 0
    resumed = weights()
    assert [json.loads(line)["number"] for line in Path("w.history.jsonl").read_text().splitlines()] == [1, 2]
    assert call(*train("--force")).exit_code == 0
    assert weights() == resumed


def test_an_interrupt_before_anything_is_written_promises_no_checkpoint(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("epsball.cli.train.fit", stopped)
    said = call(*train())
    assert said.exit_code == 130
    assert "Interrupted: nothing was written yet; the same command begins anew." in said.stderr
    assert "checkpoint" not in said.stderr


def test_weights_go_into_a_device_and_not_into_a_folder(call: Call) -> None:
    refused = call(*train("--out", "."))
    assert refused.exit_code == 2
    assert "--out . is a folder" in refused.stderr
    Path("link").symlink_to(os.devnull)
    said = call(*train("--out", "link"))
    assert said.exit_code == 0, said.stderr
    assert Path("link").is_char_device()
    assert not Path("link.checkpoint").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--objective", "pgd"], "--eps"),
        (["--objective", "trades", "--eps", "0.1"], "trades"),
        (["--objective", "pdg", "--eps", "0.1"], "did you mean 'pgd'? expected one of fgsm, pgd, standard"),
        (["--steps", "3"], "standard"),
        (["--epochs", "0"], "epochs"),
        (["--out", "w.safetensors/x"], "w.safetensors"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(call: Call, words: list[str], part: str) -> None:
    Path("w.safetensors").write_text("in the way")
    said = call(*train("--force", *words))
    assert said.exit_code == 2
    assert len(said.stderr.strip().splitlines()) == 1
    assert part in said.stderr


def test_weights_that_are_there_are_replaced_only_where_that_is_said(call: Call) -> None:
    assert call(*train("--seed", "1")).exit_code == 0
    first = weights()
    said = call(*train("--seed", "2"))
    assert said.exit_code == 2
    assert said.stderr.strip() == (
        "Error: w.safetensors is there already; name another file with --out, or replace it with --force"
    )
    assert weights() == first
    assert call(*train("--seed", "2", "--force")).exit_code == 0
    assert weights() != first


def test_epochs_are_told_as_they_finish_and_stand_in_a_file(call: Call) -> None:
    said = call(*train("--objective", "pgd", "--steps", "2", "--eps", "0.1", "--json"))
    lines = [line for line in said.stderr.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2: loss ")
    assert all(part in lines[0] for part in ("held-out", "under PGD", "under FGSM", "left"))
    document = json.loads(said.stdout)
    rows = [json.loads(line) for line in Path("w.history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == document["epochs"]
    assert re.search(r"held-out \d+\.\d.% \(\d+\.\d.–.\d+\.\d\)", lines[0])
    low, high = rows[0]["robust_interval"]
    assert low < rows[0]["robust"] < high
    assert (rows[0]["n"], rows[0]["attacked"]) == (300, 300)
    assert document["history"] == "w.history.jsonl"
    assert document["best"] == "w.best.safetensors"
    assert "History: w.history.jsonl" in said.stderr


def test_a_number_of_images_limits_the_test_pass_too(call: Call) -> None:
    assert "--n 300" in json.loads(call(*train("--json")).stdout)["next"]
    assert loaded("digits", 100).total == 100
    given = loaded("digits", None)
    assert given.validation is not None
    everything = given.total
    assert loaded("digits", everything + 1).total == everything
    assert "--n " not in given.proposal("m", "linf", "0.1")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix reads it")
@pytest.mark.parametrize(
    ("more", "arch"),
    [
        pytest.param(["--mean", "0.5", "--std", "0.25"], "linear", marks=pytest.mark.thorough),
        (["--objective", "pgd", "--norm", "l2", "--eps", "1/2", "--steps", "2"], "linear"),
        pytest.param(["--mean", "0.5"], "my nets.py:make", marks=pytest.mark.thorough),
        pytest.param([], "zoo:linear@./first one.safetensors", marks=pytest.mark.thorough),
        ([], "my nets.py:make@./first one.safetensors"),
    ],
)
def test_the_next_line_works_as_pasted_into_a_shell(call: Call, more: list[str], arch: str) -> None:
    net = "nn.Sequential(nn.Flatten(), nn.Linear(64, 10))"
    Path("my nets.py").write_text(f"from torch import nn\ndef make():\n    return {net}\n", encoding="utf-8")
    assert call(*train("--out", "./first one.safetensors")).exit_code == 0
    said = call(*train(*more, "--json", "--out", "./its weights.safetensors", arch=arch))
    assert said.exit_code == 0, said.stderr
    document = json.loads(said.stdout)
    line = f"{document['next']} --suite fgsm --json"
    words = f'epsball() {{ "{sys.executable}" -m epsball "$@"; }}; {line}'
    used = subprocess.run(["/bin/bash", "-c", words], capture_output=True, text=True, check=False)
    assert used.returncode == 0, used.stderr
    measured = json.loads(used.stdout)
    assert measured["model"]["source"] == document["model"]
    assert abs(measured["clean_accuracy"] - document["epochs"][-1]["accuracy"]) < 1e-9
    norm = "l2" if "l2" in more else "linf"
    assert (measured["threat"]["norm"], measured["threat"]["eps"]) == (norm, 0.5 if norm == "l2" else 0.1)


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("zoo:mlp-512", "zoo:mlp-512@w"),
        ("zoo:mlp-512@old", "zoo:mlp-512@w"),
        ("a@b/net.py:make@old", "a@b/net.py:make@w"),
        ("onnx:a@b/net.onnx@old", "onnx:a@b/net.onnx@w"),
    ],
)
def test_a_model_is_named_with_its_new_weights(spec: str, named: str) -> None:
    assert with_weights(spec, Path("w")) == named


@pytest.mark.parametrize(
    ("more", "arch", "words"),
    [
        (["--rate", "1000"], "linear", "rate was given as 1000, and Adam moves every weight by about as much"),
        (["--objective", "pgd", "--eps", "0"], "linear", "was given ε = 0, at which nothing moves"),
        (["--objective", "fgsm", "--eps", "0/255"], "linear", "was given ε = 0"),
        (["--norm", "l2"], "linear", "--norm l2 was given to the standard objective without --eps"),
        (["--eps", "inf"], "linear", "expected a finite budget above 0"),
        (["--steps", "5"], "linear", "--steps 5 was given to the standard objective"),
        (["--warm-up", "0.5"], "linear", "--warm-up 0.5 was given to the standard objective"),
        (
            ["--objective", "fgsm", "--eps", "0.1", "--steps", "3"],
            "linear",
            "--steps 3 was given to the fgsm objective",
        ),
        (["--n", "1"], "linear", "the training set has the label"),
        ([], "soft.py:make", "the model returned probabilities (every row lies in [0, 1] and sums to 1)"),
    ],
)
def test_what_teaches_nothing_is_refused(call: Call, more: list[str], arch: str, words: str) -> None:
    net = "nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Softmax(1))"
    Path("soft.py").write_text(f"from torch import nn\ndef make():\n    return {net}\n", encoding="utf-8")
    said = call(*train(*more, arch=arch))
    assert said.exit_code == 2
    assert words in said.stderr
    assert not Path("w.safetensors").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix reads them")
@pytest.mark.parametrize("folder", ["-dash", "two words", "line\nbreak"])
def test_the_proposed_lines_can_be_pasted(call: Call, folder: str) -> None:
    def pasted(text: str, begins: str) -> list[str]:
        line = next(line for line in text.splitlines() if line.startswith("Next:")).removeprefix("Next:").strip()
        read = subprocess.run(
            ["/bin/bash", "-c", f"printf '%s\\0' {line.split('   ')[0]}"], capture_output=True, text=True, check=True
        ).stdout.split("\0")[:-1]
        assert read[:2] == ["epsball", begins]
        return read[1:]

    trained = call(*train("--out", f"./{folder}/w.safetensors"))
    assert trained.exit_code == 0, trained.output
    evaluated = call(*pasted(trained.stderr, "evaluate"), "--suite", "fgsm", "--n", "40", "--out", f"./{folder}/run")
    assert evaluated.exit_code == 0, evaluated.output
    assert call(*pasted(evaluated.stderr, "report")).exit_code == 0
