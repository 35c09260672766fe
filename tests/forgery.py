"""Altering a run folder as a careful forger would: with digests that agree."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from epsball.record.files import sha256
from epsball.record.manifest import json_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


def altered(document: Any) -> Iterator[tuple[str, Any]]:
    """Copies of a document with one value each of another type, out of range or taken out, and what was altered."""
    for path in list(_paths(document)):
        *before, last = path
        value = place_of(document, path)
        for other in (None, "inf", "x", -1, 10**400, 0.5, [], ["x"], {"x": 1}, TAKEN_OUT):
            if other != value:
                copied = copy.deepcopy(document)
                place = place_of(copied, before)
                if other is TAKEN_OUT:
                    del place[last]
                else:
                    place[last] = other
                yield f"{path} = {other}", copied


TAKEN_OUT = object()


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*before, key)
        yield from _paths(value[key], (*before, key))


def place_of(value: Any, path: Sequence[Any]) -> Any:
    """What stands at a path of keys."""
    for key in path:
        value = value[key]
    return value
