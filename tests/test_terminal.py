"""Lines to paste: a shell reads the words that were meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from epsball.terminal import command, printable, quoted

WORDS = (
    "plain",
    "",
    "two words",
    "it's",
    '"$HOME" `id` \\n',
    "line\nbreak",
    "tab\tand 'quote' and back\\slash\n",
    "\x1b[2J\x07",
    "\x9b31m",
    "\u202eturned",
    "ε ≤ 8/255\n",
    "ε",
    "\udc80 no UTF-8",
    "!x",
)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix reads them")
def test_a_shell_reads_what_was_meant() -> None:
    lines = [quoted(word) for word in WORDS]
    assert all(line == printable(line) and "\n" not in line and "\t" not in line for line in lines)
    read = subprocess.run(
        ["/bin/bash", "-c", f"printf '%s\\0' {' '.join(lines)}".encode("utf-8", "surrogateescape")],
        capture_output=True,
        check=True,
    ).stdout
    assert read == b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in WORDS)


def test_a_name_with_a_dash_is_no_option() -> None:
    assert command("report", Path("-dash"), "--x", seed="-1", left_out=None, trust_source="") == (
        "epsball report ./-dash ./--x --seed -1 --trust-source"
    )
