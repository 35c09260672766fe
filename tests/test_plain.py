"""What is written where only some characters can be."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from contract.problems import first_of
from epsball.paper.lab import Lab
from epsball.paper.rows import Rows
from epsball.plain import plain, speak_plainly

if TYPE_CHECKING:
    from pathlib import Path


def test_signs_have_names_and_letters_lose_their_accents() -> None:
    assert plain("ε = 8/255, ρ × 3 → 1…2 %") == "eps = 8/255, rho x 3 -> 1...2 %"
    assert plain("Größe, naïve, 日") == "Gro?e, naive, ?"


@pytest.mark.parametrize(
    ("encoding", "written"), [("ascii", b"eps 1..."), ("cp1252", b"eps 1\x85"), ("utf-8", "ε 1…".encode())]
)
def test_a_stream_writes_what_it_can(encoding: str, written: bytes) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    speak_plainly(stream)
    stream.write("ε 1…")
    stream.flush()
    assert raw.getvalue() == written
    speak_plainly(io.StringIO())


LOCALES = {
    "ascii": {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "strict": {"PYTHONIOENCODING": "ascii:strict"},
}


@pytest.mark.parametrize("name", first_of("cp1252", "ascii", "strict"))
def test_the_command_line_speaks_in_any_locale(name: str, tmp_path: Path) -> None:
    environment = {"PATH": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path), **LOCALES[name]}
    words = [
        "evaluate",
        "zoo:linear",
        "--data",
        "digits",
        "--norm",
        "linf",
        "--eps",
        "0.1",
        "--n",
        "20",
        "--suite",
        "fgsm",
        "--json",
        "--out",
        "run",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "epsball", *words], capture_output=True, cwd=tmp_path, env=environment, check=False
    )
    assert b"Traceback" not in done.stderr
    assert b"eps = 0.1" in done.stderr
    assert done.returncode == 3  # it guesses
    assert json.loads(done.stdout.decode(name if name != "strict" else "ascii"))["threat"]["norm"] == "linf"
    assert (tmp_path / "run" / "run.json").exists()


def test_results_lie_in_files_that_any_file_system_takes(tmp_path: Path) -> None:
    lab = Lab(out=tmp_path, quick=True)
    lab.step("fgsm-table", "the ε of 29 % / more", Rows)
    (file,) = (tmp_path / "steps" / "fgsm-table").iterdir()
    assert file.name == "the-eps-of-29-%---more.json"
