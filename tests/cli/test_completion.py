"""What shells complete: asked as each of them asks, and without loading torch."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from epsball.cli.completion import suggestions

ROOT = Path(__file__).parents[2]
HEAVY = "torch", "scipy", "matplotlib", "pyarrow"
ASK = (
    "import sys\nfrom epsball.cli import main\ntry:\n    main()\nfinally:\n"
    f"    assert not set({HEAVY!r}) & set(sys.modules)"
)


def ask(shell: str, line: str) -> list[str]:
    words = {"COMP_WORDS": line.replace(" ", "\n"), "COMP_CWORD": str(len(line.split(" ")) - 1)}
    asked = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    settings = {**os.environ, **(words if shell == "bash" else asked), "_EPSBALL_COMPLETE": f"complete_{shell}"}
    command = [sys.executable, "-c", ASK]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert said.stderr == ""
    return said.stdout.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_answered_without_torch(shell: str) -> None:
    said = ask(shell, "epsball evaluate --data mnist-")
    assert len(said) == 1
    assert "mnist-5k" in said[0]


@pytest.mark.parametrize(
    ("before", "incomplete", "found", "missing"),
    [
        ("evaluate", "--no", ["--norm"], ["--eps"]),
        ("evaluate --norm", "l", ["linf", "l2", "l1", "l0"], []),
        ("evaluate --suite", "st", ["standard"], ["pgd"]),
        ("evaluate --suite", "fgsm,pg", ["fgsm,pgd"], ["pgd"]),
        ("evaluate", "zoo:len", ["zoo:lenet-mnist"], ["zoo:linear"]),
        ("attack --attack", "deep", ["deepfool"], ["pgd"]),
        ("attack x --attack pgd", "--ste", ["--steps"], ["--draws"]),
        ("report run --format", "", ["html", "markdown", "latex", "csv", "json", "model-card"], ["linf"]),
        ("report run --format", "m", ["markdown", "model-card"], ["html"]),
        ("compare a b --format", "", ["html", "markdown", "json"], ["latex"]),
        ("demo --data", "", ["mnist-5k", "mnist"], ["cifar10"]),
        ("evaluate x --estimate", "", ["eot:10", "bpda:"], []),
        ("attack x --attack pgd --loss", "", ["margin", "cross_entropy"], ["here"]),
        ("attack x --attack pgd", "--no-r", ["--no-random-start"], []),
        ("attack x --attack pgd --random-start", "--ste", ["--steps"], []),
        ("train", "lin", ["linear"], ["zoo:linear"]),
        ("train linear --objective", "", ["standard", "fgsm", "pgd"], []),
        ("list", "", ["attacks", "suites"], ["pgd"]),
        ("list attacks", "pg", ["pgd"], ["suites"]),
        ("reproduce", "fg", ["fgsm-table"], []),
        ("reproduce precision", "fg", ["fgsm-table"], []),
        ("evaluate --out", "", [], ["--norm", "linf"]),
        ("report", "", [], ["--out"]),
    ],
)
def test_values_are_those_of_the_open_option(
    before: str, incomplete: str, found: list[str], missing: list[str]
) -> None:
    command, *words = before.split()
    values = [each.value for each in suggestions(command, words, incomplete)]
    assert set(found) <= set(values)
    assert not set(missing) & set(values)
    if not found:
        assert values == []


def test_the_file_of_completions_is_fresh() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "completions.py"))
    assert script["page"]() == script["FILE"].read_text(encoding="utf-8"), "run python docs/completions.py"


@pytest.mark.skipif(sys.platform == "win32", reason="bash")
def test_bash_itself_completes_a_scheme_behind_its_colon(tmp_path: Path) -> None:
    program = tmp_path / "epsball"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m epsball "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = """
        eval "$(_EPSBALL_COMPLETE=source_bash epsball)"
        COMP_WORDS=(epsball evaluate zoo : mlp-5); COMP_CWORD=4
        $(complete -p epsball | sed 's/.*-F \\([^ ]*\\).*/\\1/') epsball
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    command = ["/bin/bash", "--norc", "-c", script]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
    assert said.stdout.splitlines() == ["mlp-512"], said.stderr
