"""What a file of PyTorch holds: a network with its code, or weights alone."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from epsball.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

ENDINGS = (".pt", ".pth", ".pt2", ".ts", ".jit", ".torchscript", ".ckpt", ".safetensors", ".bin")
"""How the names of files end that are looked into."""


def kind_of(path: Path) -> str:
    """Return "torchscript", "export", or "" for anything else.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}; give one that torch.jit.save or torch.export.save wrote")
    if not zipfile.is_zipfile(path):
        return ""
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] or name for name in archive.namelist()]
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return "torchscript"
    return (
        "export" if "archive_format" in names or any(name.startswith("serialized_exported") for name in names) else ""
    )
