"""How a network is built, as text: a line for each layer, number and name that it holds, the same in every process."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from epsball.models.contents import is_ground, name_of, unwrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epsball.models.contents import Contents

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+|___torch_mangle_\d+\.?")
_DEVICE = re.compile(r"(cpu|cuda|mps|xpu|hpu|meta)(:\d+)?")
_LONGEST = 200


def structure(found: Contents) -> dict[str, str]:
    """Return what stands at every path of what a callable holds: classes with their settings, numbers, texts, names.

    Devices, places of files and addresses in memory are left out: they differ where the model is the same.
    """
    lines = {path: _shown(value) for path, value in found.values.items() if not _of_a_place(value)}
    for path, root in found.modules.items():
        for name, part in unwrapped(root).named_modules():
            place = ".".join(filter(None, (path, name)))
            lines[place] = f"{class_name(type(part))}({_settings(part)})"
    return lines


def as_text(lines: Mapping[str, str]) -> str:
    """Return the lines of a structure, sorted by path."""
    return "\n".join(f"{path or 'the model'}: {lines[path]}" for path in sorted(lines))


def class_name(kind: type) -> str:
    """Return a class's name; with its module where a library's version says which class that is."""
    return f"{kind.__module__}.{kind.__qualname__}" if is_ground(kind) else name_of(kind)


def _settings(part: torch.nn.Module) -> str:
    if isinstance(part, torch.jit.ScriptModule):
        try:
            text = part.original_name + str(part.code)
        except (RuntimeError, AttributeError):  # a scripted part without a forward method
            text = str(part.original_name)
    else:
        try:
            text = part.extra_repr()
        except Exception:  # noqa: BLE001 the user's own text, which may fail and decides nothing
            text = ""
    return _short(_ADDRESS.sub("", text))


def _shown(value: object) -> str:
    return _short(_ADDRESS.sub("", value) if isinstance(value, str) else repr(value))


def _short(text: str) -> str:
    """A long text by its start and digest, on one line."""
    line = " ".join(text.split())
    if len(text) <= _LONGEST and line == text:
        return text
    return f"{line[:_LONGEST]}… {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _of_a_place(value: object) -> bool:
    return isinstance(value, str) and (Path(value).is_absolute() or _DEVICE.fullmatch(value) is not None)
