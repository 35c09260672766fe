"""A run folder from elsewhere: nothing that it names is run or imported, however it is arranged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from typer.testing import CliRunner

import epsball as eb
from epsball.cli import app
from epsball.record import read_run
from forgery import contents, seal
from toy import Affine, samples, toy_run
from verification.arrangements import BY_WHERE_ONE_STANDS, HARMLESS, NOTICED, REFUSED, modules_of_installed_names, trap

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

SRC = Path(eb.__file__).parents[1]
OWN_NETWORK = (
    "import torch\n\ndef make():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 4))\n"
)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a network of the zoo."""
    folder = tmp_path_factory.mktemp("honest") / "run"
    model = eb.load_model("zoo:linear", shape=(1, 4, 4), classes=4)
    with torch.no_grad():
        y = model(samples()[0]).argmax(1)
    toy_run(folder, model=model, data=(samples()[0], y), suite={"fgsm": eb.FGSM()})
    return folder


@pytest.fixture
def folder(honest: Path, tmp_path: Path) -> Path:
    return shutil.copytree(honest, tmp_path / "elsewhere" / "run")


def command(folder: Path, *words: str) -> tuple[int, str]:
    """Exit code and errors of `python -m epsball …` for one who stands in the folder."""
    environment = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "epsball", *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=folder,
    )
    return done.returncode, done.stderr


def here(*words: str) -> tuple[int, str]:
    """The same in this process."""
    said = CliRunner(env={"NO_COLOR": "1"}).invoke(app, list(words))
    return said.exit_code, said.stderr


@pytest.mark.parametrize("arrange", [*REFUSED, *HARMLESS])
def test_nothing_that_a_folder_names_is_run(
    arrange: Callable[[Path], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrange(folder)
    if arrange in BY_WHERE_ONE_STANDS:
        code, said = command(folder, "verify", ".")
    else:
        monkeypatch.chdir(folder)
        code, said = here("verify", ".")
    assert not (folder.parent / "sprung").exists()
    assert code == (2 if arrange in REFUSED else 3 if arrange in NOTICED else 0), said
    assert "Traceback" not in said
    if arrange in REFUSED:
        assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("arrange", [*REFUSED, *HARMLESS])
def test_reading_a_folder_runs_nothing(
    arrange: Callable[[Path], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrange(folder)
    monkeypatch.chdir(folder)
    assert len(read_run(".")) == 60
    assert here("report", ".")[0] in (0, 3)
    assert not (folder.parent / "sprung").exists()


def test_the_report_of_one_who_stands_in_the_folder(folder: Path) -> None:
    modules_of_installed_names(folder)
    code, said = command(folder, "report", ".")
    assert code in (0, 3), said
    assert not (folder.parent / "sprung").exists()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A run of the user's own network in a file."""
    (tmp_path / "net.py").write_text(OWN_NETWORK)
    toy_run(tmp_path / "run", model=eb.load_model(f"{tmp_path}/net.py:make"), suite={"fgsm": eb.FGSM()}, anyway=True)
    return tmp_path


def test_ones_own_file_is_shown_with_its_digest_before_it_is_trusted(own: Path) -> None:
    code, said = here("verify", str(own / "run"))
    assert code == 2
    digest = contents(own / "run")["plan"]["model"]["code"]["net.py"]
    assert f"{own}/net.py, SHA-256 {digest}" in said
    assert "--model" in said
    assert "--trust-source" in said
    code, said = here("verify", str(own / "run"), "--trust-source")
    assert code == 0
    assert f"{own}/net.py, SHA-256 {digest}" in said
    assert here("verify", str(own / "run"), "--model", f"{own}/net.py:make")[0] == 0


def test_a_trusted_file_that_changed_since_is_not_run(own: Path) -> None:
    (own / "net.py").write_text(OWN_NETWORK + trap(own / "run"))
    code, said = here("verify", str(own / "run"), "--trust-source")
    assert code == 3
    assert "is not as it was when the run was made" in said
    assert not (own / "sprung").exists()


def test_a_model_of_the_verifiers_own_finds_its_neighbours_and_not_the_folders(folder: Path, tmp_path: Path) -> None:
    modules_of_installed_names(folder)
    (folder / "layers.py").write_text(trap(folder))
    (tmp_path / "layers.py").write_text("import json, torch\nAffine = torch.nn.Linear\n")
    (tmp_path / "net.py").write_text("import layers\n" + OWN_NETWORK)
    code, said = command(folder, "verify", ".", "--model", f"{tmp_path}/net.py:make")
    assert code == 3
    assert "it is another model than that of the run" in said
    assert not (folder.parent / "sprung").exists()


OWN_ATTACK = """
from dataclasses import dataclass
import epsball as eb

@dataclass(frozen=True)
class Still(eb.Attack):
    def run(self, ask):
        ask.gradient(ask.x0, eb.losses.cross_entropy)
        return ask.x0
"""


def test_an_attack_that_the_verifier_names_is_compared(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN_ATTACK)
    attack = f"{tmp_path}/own.py:Still"
    from epsball.attacks.registry import make_attack  # noqa: PLC0415 (only here)

    toy_run(tmp_path / "run", suite={"still": make_attack(attack)})
    run = contents(tmp_path / "run")
    run["plan"]["model"]["source"] = "zoo:linear"
    seal(tmp_path / "run", run)
    named_attacks = ("verify", str(tmp_path / "run"), "--attack")
    (tmp_path / "same.py").write_text(OWN_ATTACK)
    for given, sentence in (
        (f"still={attack}", "it is another model"),
        (f"still={tmp_path}/same.py:Still", "the attack still is epsball_user_own:Still, not epsball_user_same:Still"),
        (f"moving={attack}", "the run has no attack 'moving'; it has still"),
        ("still", "expected NAME=module:Class"),
    ):
        code, said = here(*named_attacks, given)
        assert code in (2, 3)
        assert sentence in said
    (tmp_path / "own.py").write_text(OWN_ATTACK.replace("ask.x0\n", "ask.x0 + 0\n"))
    assert "was made with another source of own.py" in here(*named_attacks, f"still={attack}")[1]


def test_a_live_model_needs_no_name(tmp_path: Path) -> None:
    toy_run(tmp_path, suite={"fgsm": eb.FGSM()})
    with pytest.raises(eb.InputError, match="live model"):
        eb.verify(tmp_path, trust_source=True)
    assert eb.verify(tmp_path, Affine()).complete
