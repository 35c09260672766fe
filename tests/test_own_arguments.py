"""A script's own words on the command line are the script's: the library neither reads nor changes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import epsball

SCRIPT = """
import argparse, sys
import torch, epsball as eb
words = list(sys.argv)
net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
x = torch.rand(8, 1, 4, 4)
run = eb.evaluate(net, (x, net(x).argmax(1)), eb.Threat("linf", 0.05), suite="quick", out="run")
eb.load_run("run"), eb.verify("run", net)
assert sys.argv == words
assert "--norm" not in open("run/run.json").read()
parser = argparse.ArgumentParser()
parser.add_argument("--norm")
print(parser.parse_args().norm)
"""


def test_a_script_keeps_its_own_arguments(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    words = [sys.executable, "script.py", "--norm", "mine"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "mine\n"


def test_nothing_but_the_command_line_reads_them() -> None:
    root = Path(epsball.__file__).parent
    found = [str(file) for file in root.rglob("*.py") if "sys.argv" in file.read_text(encoding="utf-8")]
    assert [file for file in found if "cli" not in Path(file).parts] == []
