"""Are the files of a run folder those that were written?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from epsball.record.files import sha256
from epsball.record.run_folder import INPUTS, MANIFEST, SAMPLES, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def altered_files(path: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for every file that is missing, altered, or there without being listed."""
    if manifest.get("digest") != digest(manifest):
        yield f"{MANIFEST} is not as it was written: its digest differs"
    needed = [INPUTS, SAMPLES] if manifest["status"] == "complete" else []
    yield from (f"{MANIFEST} does not list {name}" for name in needed if name not in manifest["parts"])
    for name, entry in sorted(manifest["parts"].items()):
        file = path / name
        if not file.is_file():
            yield f"{name} is missing"
        elif sha256(file.read_bytes()) != entry.get("sha256"):
            yield f"{name} is not as it was written: its digest differs"
    if manifest["status"] == "complete":
        there = {
            file.relative_to(path).as_posix()
            for kind in ("attacks", "certificates")
            for file in (path / kind).rglob("*.*")
        }
        yield from (f"{name} is not listed in {MANIFEST}" for name in sorted(there - manifest["parts"].keys()))
