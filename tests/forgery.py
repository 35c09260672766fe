"""Altering a run folder as a careful forger would: with digests that agree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from epsball.record.files import sha256
from epsball.record.manifest import json_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def contents(folder: Path) -> dict[str, Any]:
    """What `run.json` says."""
    manifest: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return manifest


def seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `run.json` with the digest that belongs to it."""
    manifest["digest"] = sha256(json_bytes({name: value for name, value in manifest.items() if name != "digest"}))
    (folder / "run.json").write_bytes(json_bytes(manifest))


def forge(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and make `run.json` agree."""
    (folder / name).write_bytes(content)
    manifest = contents(folder)
    manifest["files"][name]["sha256"] = sha256(content)
    seal(folder, manifest)


def alterations(value: Any, path: str = "$") -> Iterator[tuple[str, Callable[[], object]]]:
    """Every way to alter one value of a document in place: each call changes it, or takes it out, and names where."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(steps):
        place = f"{path}.{key}"
        for other in others(inner):
            yield f"{place} = {other!r}", lambda key=key, other=other: value.__setitem__(key, other)  # type: ignore[misc] # bound
        yield f"{place} taken out", lambda key=key: value.pop(key)  # type: ignore[misc] # the same
        yield from alterations(inner, place)


def others(value: Any) -> list[Any]:
    """Values of other types, and of the same type out of range."""
    return [other for other in (None, "inf", "x", -1, 10**400, 0.5, [], ["x"], {"x": 1}) if other != value]
