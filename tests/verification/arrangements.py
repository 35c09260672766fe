"""Run folders arranged so that what they name would be run by a careless reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from forgery import contents, seal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INSTALLED = ("numpy", "json", "msgspec", "onnx", "onnx2fx", "pyarrow", "safetensors", "scipy", "filelock", "pandas")


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
NOTICED = {attack_of_a_module, attack_of_a_file, certificate_of_a_module}
"""Of the harmless ones, those whose record does not hold together any more."""
BY_WHERE_ONE_STANDS = {
    file_where_one_stands,
    scheme_of_a_package_in_the_folder,
    modules_of_installed_names,
    attack_of_a_module,
}
