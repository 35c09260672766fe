"""Whatever is wrong with the input: exit code 2, one sentence, no traceback, nothing that was written is lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cli.words import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]

GOOD = np.linspace(0, 1, 4 * 16, dtype=np.float32).reshape(4, 1, 4, 4)
LABELS = np.array([0, 1, 2, 0])


def refused(said: Result, *parts: str) -> None:
    """The command ended as bad input does, and its sentence holds all parts."""
    assert said.exit_code == 2, said.output
    lines = said.stderr.strip().splitlines()
    assert len(lines) == 1, said.stderr
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in said.output
    assert said.stdout == ""
    for part in parts:
        assert part in lines[0]


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("nets.py:dictionary", ["dictionary", "scores, hidden"]),
        ("nets.py:nan", ["NaN"]),
        ("nets.py:one_logit", ["binary"]),
        ("nets.py:raises", ["the disk of the model server is full"]),
        ("nets.py:late", ["lost the connection"]),
        ("nets.py:no_such", ["no_such"]),
        ("nets.py:no_factory", ["no_factory"]),
        ("missing.py:make", ["missing.py"]),
        ("zoo:nothing", ["nothing", "mlp-512"]),
        ("zoo:mlp-512@missing.safetensors", ["missing.safetensors"]),
        ("some-model", ["zoo:"]),
    ],
)
def test_models_that_cannot_be_used(call: Call, model: str, parts: list[str]) -> None:
    refused(call(*evaluate(model=model, suite="pgd")), *parts)


@pytest.mark.parametrize(
    ("x", "y", "parts"),
    [
        (GOOD * 2 - 1, LABELS, ["normalis"]),
        (np.where(GOOD > 0.5, np.nan, GOOD), LABELS, ["NaN"]),
        (GOOD, LABELS[:3], ["3 labels"]),
        (GOOD, LABELS + 0.5, ["float"]),
        (GOOD, LABELS - 1, ["-1"]),
        (GOOD, LABELS + 7, ["classes"]),
        (GOOD[:0], LABELS[:0], ["no rows"]),
    ],
)
def test_data_that_cannot_be_used(
    call: Call,
    x: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    y: np.ndarray[tuple[int], np.dtype[np.int64]],
    parts: list[str],
) -> None:
    np.savez("bad.npz", x=x, y=y)
    refused(call(*evaluate(data="bad.npz")), *parts)


def test_data_files_that_are_damaged_or_missing(call: Call) -> None:
    Path("cut.parquet").write_bytes(b"PAR1 and nothing else")
    refused(call(*evaluate(data="cut.parquet")), "cut.parquet")
    refused(call(*evaluate(data="nowhere/data.npz")), "nowhere/data.npz")
    refused(call(*evaluate(data="mnits")), "did you mean 'mnist'")


def test_a_parquet_file_without_the_columns(call: Call) -> None:
    import pyarrow as pa  # noqa: PLC0415 (only here)
    from pyarrow import parquet  # noqa: PLC0415 (only here)

    parquet.write_table(pa.table({"text": ["a"]}), "other.parquet")
    refused(call(*evaluate(data="other.parquet")), "label")


def test_a_truncated_weights_file(call: Call) -> None:
    Path("cut.safetensors").write_bytes(b"\x40\x00\x00\x00\x00\x00\x00\x00{")
    refused(call(*evaluate(model="zoo:linear@cut.safetensors")), "cut.safetensors", "truncated")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--eps", "-0.1"], ["-0.1"]),
        (["--eps", "8"], ["8/255"]),
        (["--eps", "nan"], ["nan"]),
        (["--eps", "a lot"], ["a lot", "8/255"]),
        (["--norm", "l3"], ["l3", "linf"]),
        (["--suite", "everything"], ["everything", "quick"]),
        (["--suite", "fgsm,pdg"], ["pdg", "did you mean 'pgd'"]),
        (["--n", "4000"], ["4000"]),
        (["--split", "valid"], ["valid"]),
        (["--split", "tset"], ["no split 'tset'; did you mean 'test'?"]),
        (["--n", "x"], ["--n was given as 'x'; expected a whole number from 1 on"]),
        (["--n=0"], ["--n was given as '0'; expected a whole number from 1 on"]),
        (["--seed", "1.5"], ["--seed was given as '1.5'; expected a whole number:"]),
        (["--epz", "1"], ["no option --epz; did you mean '--eps'?"]),
        (["--eps"], ["--eps has no value; write --eps VALUE"]),
        (["--mean", "0.5;0.5"], ["--mean was given as '0.5;0.5'; expected a number, or one a channel with commas"]),
        (["--expect-clean", "yes"], ["--expect-clean was given as yes; expected 0.02"]),
        (["--device", "warp"], ["warp", "cpu"]),
        (["--device", "meta"], ["meta", "cpu"]),
        (["--mean", "half"], ["--mean", "half"]),
        (["--std", "0"], ["std"]),
        (["--outputs", "labels"], ["labels", "logits"]),
        (["--gate", "80"], ["80", "write 80pt"]),
        (["--gate", "most"], ["--gate", "most"]),
        (["--mean", "0.5,0.5,0.5"], ["mean was given for 3 channels", "1 here"]),
        (["--out", "data.npz"], ["data.npz"]),
        (["--out", "."], ["run.json"]),
    ],
)
def test_options_that_cannot_be_used(call: Call, words: list[str], parts: list[str]) -> None:
    refused(call(*evaluate(*words)), *parts)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--attack", "pgd"], ["pgd", "--eps"]),
        (["--attack", "pgdd"], ["did you mean 'pgd'"]),
        (["--attack", "pgd", "--eps", "0.1", "--stepz", "3"], ["did you mean '--steps'?", "--rate"]),
        (["--attack", "pgd", "--eps", "0.1", "--steps"], ["--steps", "no value"]),
        (
            ["--attack", "pgd", "--eps", "0.1", "--steps", "few"],
            ["--steps was given as 'few'; expected a whole number"],
        ),
        (["--attack", "pgd", "--eps", "0.1", "--steps", "2.5"], ["whole number"]),
        (["--attack", "pgd", "--eps", "0.1", "--steps", "inf"], ["--steps", "inf", "whole number"]),
        (["--attack", "pgd", "--eps", "0.1", "--random-start=perhaps"], ["true or false"]),
        (["--attack", "pgd", "--eps", "0.1", "--rate", "fast"], ["'fast'; expected a number or a fraction, such as"]),
        (
            ["--attack", "pgd", "--eps", "0.1", "--restarts", "x"],
            ["--restarts was given as 'x'; expected a whole number from 1"],
        ),
        (["--attack", "pgd", "--eps", "0.1", "--loss", "hinge"], ["hinge", "cross_entropy", "margin"]),
        (["--attack", "pgd", "--eps", "0.1", "stray"], ["stray"]),
        (["--attack", "fgsm", "--eps", "0.1", "--target", "7"], ["7", "0 to 2"]),
        (["--attack", "no.such:Class", "--eps", "0.1"], ["no.such"]),
        (["--attack", "math:pi", "--eps", "0.1"], ["math:pi"]),
        (["--attack", "builtins:dict"], ["subclass"]),
    ],
)
def test_attacks_that_cannot_be_used(call: Call, words: list[str], parts: list[str]) -> None:
    refused(call("attack", "nets.py:linear", "--data", "data.npz", "--norm", "linf", *words), *parts)


def test_a_target_that_every_sample_has_already(call: Call) -> None:
    np.savez("ones.npz", x=GOOD, y=np.ones(4, dtype=np.int64))
    words = ["attack", "nets.py:linear", "--data", "ones.npz", "--attack", "fgsm", "--norm", "linf", "--eps", "0.1"]
    refused(call(*words, "--target", "1"), "all 4 samples", "another target")


def test_a_gate_without_a_budget(call: Call) -> None:
    said = call("evaluate", "nets.py:linear", "--data", "data.npz", "--norm", "l2", "--gate", "0.5")
    refused(said, "--gate", "--eps")


def test_a_run_folder_of_another_configuration_is_left_alone(call: Call) -> None:
    assert call(*evaluate("--out", "run")).exit_code == 0
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    refused(call(*evaluate("--out", "run", "--seed", "1")), "seed", "another")
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("command", ["verify", "report"])
def test_a_folder_that_is_no_run(call: Call, command: str) -> None:
    refused(call(command, "."), "run.json")
    refused(call(command, "nowhere"), "nowhere")


def test_a_full_disk_keeps_what_is_finished(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(*evaluate("--out", "run")).exit_code == 0

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        refused(call(*evaluate("--out", "other")), "disk is full")
        refused(call("report", "run"), "disk is full")
    assert call("verify", "run", "--trust-source").exit_code == 0


def test_a_place_that_cannot_be_written(call: Call) -> None:
    call(*evaluate("--out", "run"))
    refused(call("report", "run", "--out", "data.npz/report.html"), "data.npz")


def test_the_traceback_is_shown_on_request(call: Call) -> None:
    said = call(*evaluate("--traceback", model="nets.py:nan"))
    assert said.exit_code == 2
    assert "Traceback" in said.stderr
    assert "epsball.errors.ModelError" in said.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evalute", "x"], "there is no command 'evalute'; did you mean 'evaluate'?"),
        (["list", "atacks"], "WHAT was given as 'atacks'; did you mean 'attacks'? expected attacks, suites, models"),
        (["train", "linear", "--rate", "fast"], "--rate was given as 'fast'; expected a number:"),
        (["train", "linear", "--steps", "x"], "--steps was given as 'x'; expected a whole number from 1 on"),
        (["verify", "run", "--replay", "x"], "--replay was given as 'x'; expected a whole number"),
        (["export", "run", "--passes", "0"], "--passes was given as '0'; expected a whole number from 1 on"),
        (["reproduce", "--quik"], "there is no option --quik; did you mean '--quick'?"),
        (["demo", "--data", "cifar10"], "the demo was given the data cifar10; expected mnist-5k or mnist"),
        (
            ["check", "nets.py:linear", "--data", "data.npz", "--norm", "linf", "--max-drop", "x"],
            "--max-drop was given as x",
        ),
        (
            ["evaluate", "nets.py:linear", "--data", "", "--norm", "linf"],
            "the data was given as ''; expected the name of a set",
        ),
    ],
)
def test_slips_are_named_with_what_was_meant(call: Call, words: list[str], said: str) -> None:
    refused(call(*words), said)


def test_formats_are_found_in_any_case_and_by_the_end_of_a_name(call: Call) -> None:
    call(*evaluate("--out", "run"))
    assert call("report", "run", "--format", "Markdown").exit_code == 0
    refused(call("report", "run", "--format", "htlm"), "given as 'htlm'; did you mean 'html'?")
    refused(
        call("compare", "run", "run", "--out", "x.pdf"),
        "given as x.pdf; expected a name that ends in .html, .htm, .md, .json",
    )
    assert not Path("x.pdf").exists()


@pytest.mark.parametrize(
    "words", [["evaluate"], ["evaluate", "nets.py:linear"], ["nonsense"], ["list", "nonsense"], ["verify", "--no-such"]]
)
def test_a_wrong_command_line_exits_2_too(call: Call, words: list[str]) -> None:
    said = call(*words)
    assert said.exit_code == 2
    assert said.stdout == ""
