from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import epsball as eb
from epsball.cli import app
from forgery import contents, seal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
MODEL = "zoo:linear"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "run"
    words = ("--data", "digits", "--n", "40", "--norm", "linf", "--eps", "0.05", "--suite", "fgsm,deepfool", "--anyway")
    CliRunner().invoke(app, ["evaluate", MODEL, *words, "--out", str(place)])
    return place


def said(*words: str) -> tuple[int, str, str]:
    done = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"}).invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


def test_a_replay_is_printed_with_its_seed_and_what_it_may_miss(folder: Path) -> None:
    code, out, err = said("verify", str(folder), "--replay", "10", "--replay-seed", "7", "--data", "Digits")
    assert code == 0, err
    among = len(eb.load_run(folder).attacks["deepfool"])
    assert f"{min(10, among)} of {among}" in out
    assert "all, to the last bit" in out
    assert "Not checked" not in err


def test_the_document_holds_the_replay(folder: Path) -> None:
    code, out, _ = said("verify", str(folder), "--replay", "2", "--json")
    replay = json.loads(out)["replay"]
    assert code == 0
    assert replay["elsewhere"] == ""
    assert replay["chance_to_miss"]["0.2"] == pytest.approx(0.8 ** replay["samples"])
    assert json.loads(said("verify", str(folder), "--json")[1])["replay"] is None


def test_a_record_from_elsewhere_is_compared_by_tests_and_a_forged_one_refused(folder: Path) -> None:
    run = contents(folder)
    run["plan"]["environment"]["versions"]["torch"] = "1.0"
    seal(folder, run)
    code, out, err = said("verify", str(folder), "--replay", "10")
    assert code == 0, err
    assert "by paired tests" in out
    assert "Not compared to the last bit: the run was made under torch 1.0" in err
    seal(folder, contents(folder) | {"findings": []})
    code, _, err = said("verify", str(folder))
    assert code == 3, err
    assert "is not listed" in err
