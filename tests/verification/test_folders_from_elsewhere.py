"""A run folder from elsewhere: nothing that it names is run or imported, however it is arranged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from typer.testing import CliRunner

import epsball as eb
from epsball.cli import app
from epsball.record import read_run
from forgery import contents, seal
from toy import Affine, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

SRC = Path(eb.__file__).parents[1]
OWN_NETWORK = (
    "import torch\n\ndef make():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 4))\n"
)
INSTALLED = ("numpy", "json", "msgspec", "onnx", "onnx2fx", "pyarrow", "safetensors", "scipy", "filelock", "pandas")


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


def trap(folder: Path) -> str:
    """Python that leaves a trace as soon as it is run, and defines whatever could be asked for."""
    return (
        f"open({str(folder.parent / 'sprung')!r}, 'w').close()\n"
        "class Attack: pass\n"
        "def make(*_, **__): raise SystemExit(0)\n"
        "read = loss = make\n"
    )


class Payload:
    """A pickle that leaves a trace when it is loaded."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.place), "w"))


def named(folder: Path, source: str) -> None:
    """Let the run name another model."""
    run = contents(folder)
    run["plan"]["model"]["source"] = source
    seal(folder, run)


def attacked_with(folder: Path, kind: str) -> None:
    run = contents(folder)
    run["plan"]["attacks"]["fgsm"] |= {"kind": kind, "settings": {"loss": kind, "start": {"class": kind}}}
    seal(folder, run)


def file_in_the_folder(folder: Path) -> None:
    (folder / "net.py").write_text(trap(folder))
    named(folder, f"{folder}/net.py:make")


def file_beside_the_folder(folder: Path) -> None:
    (folder.parent / "net.py").write_text(trap(folder))
    named(folder, f"{folder}/../net.py:make")


def file_where_one_stands(folder: Path) -> None:
    (folder / "net.py").write_text(trap(folder))
    named(folder, "net.py:make")


def file_behind_a_link(folder: Path) -> None:
    (folder.parent / "net.txt").write_text(trap(folder))
    (folder / "net.py").symlink_to("../net.txt")
    named(folder, f"{folder}/net.py:make")


def weights_that_are_code(folder: Path) -> None:
    torch.save({"state_dict": Payload(folder.parent / "sprung")}, folder / "weights.pt")
    named(folder, f"zoo:linear@{folder}/weights.pt")


def weights_behind_a_factory(folder: Path) -> None:
    (folder / "net.py").write_text(trap(folder))
    torch.save(Payload(folder.parent / "sprung"), folder / "weights.pt")
    named(folder, f"{folder}/net.py:make@{folder}/weights.pt")


def scheme_of_a_package_in_the_folder(folder: Path) -> None:
    about = folder / "strange-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    groups = ("models", "attacks", "checks", "data", "hub")
    (about / "entry_points.txt").write_text("".join(f"[epsball.{group}]\nstrange = strange:read\n" for group in groups))
    (folder / "strange.py").write_text(trap(folder))
    named(folder, "strange:net")


def modules_of_installed_names(folder: Path) -> None:
    for name in INSTALLED:
        (folder / f"{name}.py").write_text(trap(folder))


def attack_of_a_module(folder: Path) -> None:
    (folder / "strange.py").write_text(trap(folder))
    attacked_with(folder, "strange:Attack")


def attack_of_a_file(folder: Path) -> None:
    (folder / "strange.py").write_text(trap(folder))
    attacked_with(folder, f"{folder}/strange.py:Attack")


def data_of_a_factory(folder: Path) -> None:
    (folder / "strange.py").write_text(trap(folder))
    run = contents(folder)
    run["plan"]["data"]["source"] = f"{folder}/strange.py:make"
    seal(folder, run)


def certificate_of_a_module(folder: Path) -> None:
    (folder / "strange.py").write_text(trap(folder))
    run = contents(folder)
    run["plan"]["certifiers"] = ["strange:make"]
    seal(folder, run)


Arrangement = "Callable[[Path], None]"
REFUSED: list[Callable[[Path], None]] = [
    file_in_the_folder,
    file_beside_the_folder,
    file_where_one_stands,
    file_behind_a_link,
    weights_that_are_code,
    weights_behind_a_factory,
    scheme_of_a_package_in_the_folder,
]
HARMLESS: list[Callable[[Path], None]] = [
    modules_of_installed_names,
    attack_of_a_module,
    attack_of_a_file,
    data_of_a_factory,
    certificate_of_a_module,
]
BY_WHERE_ONE_STANDS = {
    file_where_one_stands,
    scheme_of_a_package_in_the_folder,
    modules_of_installed_names,
    attack_of_a_module,
}


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
    assert code == (2 if arrange in REFUSED else 0), said
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
