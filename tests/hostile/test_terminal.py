"""Names from files reach the terminal as text and never as instructions to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import epsball as eb
from epsball.cli import app
from epsball.cli.output import print_result, table
from epsball.terminal import printable
from forgery import contents, seal
from toy import toy_run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

EVIL = "a\x1b]0;owned\x07\x1b[2J\x9b31m\u202eb\udc80"


def raw(text: str) -> bool:
    return any(letter in text for letter in "\x1b\x07\x9b\u202e\udc80")


def said(*words: str) -> tuple[int, str]:
    done = CliRunner(env={"NO_COLOR": "1", "TERM": "dumb"}).invoke(app, list(words))
    return done.exit_code, done.output


def test_instructions_are_written_out_and_letters_stay() -> None:
    assert printable(EVIL) == "a\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202eb\\udc80"
    assert printable("ε = 8/255,\tBär\n√ 大") == "ε = 8/255,\tBär\n√ 大"


def test_tables_and_documents_hold_no_instructions(capsys: pytest.CaptureFixture[str]) -> None:
    shown = table(EVIL, "x", "y")
    shown.add_row(EVIL, "1")
    for as_json in (False, True):
        print_result(shown, {"name": EVIL[:-1]}, as_json=as_json)
        out, error = capsys.readouterr()
        assert not raw(out + error)
        if as_json:
            assert json.loads(out) == {"name": EVIL[:-1]}
    print_result(shown, {"name": "ε"}, as_json=True)
    assert '"ε"' in capsys.readouterr().out


def test_names_in_a_record(tmp_path: Path) -> None:
    toy_run(tmp_path, suite={"fgsm": eb.FGSM()})
    run = contents(tmp_path)
    run["plan"]["model"]["source"] = f"{EVIL[:-1]}.py:make"
    seal(tmp_path, run)
    for words in (("verify",), ("verify", "--trust-source"), ("verify", "--attack", f"{EVIL[:-1]}=x:Y"), ("report",)):
        code, text = said(*words, str(tmp_path))
        assert code in (0, 2, 3)
        assert not raw(text), words
    run["status"] = EVIL[:-1]
    seal(tmp_path, run)
    assert not raw(said("report", str(tmp_path))[1])


def test_names_of_pictures_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "data\x1b[2J" / "one\x1b[31m"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "a.png")
    (folder / "b\x1b[5m.png").write_bytes(b"nothing")
    evaluate = ("evaluate", "zoo:linear", "--norm", "linf", "--eps", "0.1", "--data", str(folder.parent))
    code, text = said(*evaluate)
    assert code == 2
    assert "b\\x1b[5m.png" in text
    assert not raw(text)
