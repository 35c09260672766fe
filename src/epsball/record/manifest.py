"""`run.json`, the list of contents of a run folder: its plan, its status, and every file with its digest."""

from __future__ import annotations

import json
import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from epsball.errors import InputError, brief
from epsball.record.evaluation import Finding  # noqa: TC001 (the schema is read when the module is loaded)
from epsball.record.files import file_digest, read_bytes, sha256
from epsball.record.plan import Count, Plan, portable, real

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST, INPUTS, CLEAN, SAMPLES = "run.json", "inputs.safetensors", "clean.parquet", "samples.parquet"
FORMAT: Literal[4] = 4

LONGEST = 400
"""Characters of what the parser says."""

FileName = Annotated[str, Meta(pattern=r"^(?!.*\.\.)[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\Z")]
Seconds = Annotated[float, Meta(ge=0)]


class File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of the run: the digest of its content, its number of rows, and notes about them (lists, by name)."""

    sha256: str
    rows: Count
    notes: dict[str, list[int | float]]


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `run.json` says. `seconds` are spent by stage; `digest` is the SHA-256 of all the rest."""

    format: Literal[4]
    status: Literal["running", "complete"]
    plan: Plan
    files: dict[FileName, File]
    seconds: dict[str, Seconds]
    findings: tuple[Finding, ...]
    digest: str

    @classmethod
    def start(cls, plan: Plan) -> Manifest:
        """The manifest of a run of which nothing is written yet."""
        return cls(format=FORMAT, status="running", plan=plan, files={}, seconds={}, findings=(), digest="").sealed()

    @property
    def complete(self) -> bool:
        """Whether the run was finished."""
        return self.status == "complete"

    def sealed(self) -> Manifest:
        """The same with the digest that belongs to it."""
        content = {name: value for name, value in portable(self).items() if name != "digest"}
        return msgspec.structs.replace(self, digest=sha256(json_bytes(content)))


def stage_name(kind: str, position: int, name: str) -> str:
    """Folder of one attack or certificate inside the run folder, e.g. `attacks/02-pgd`."""
    return f"{kind}/{position:02d}-{re.sub(r'[^A-Za-z0-9_-]+', '-', name)}"


def chunk_name(stage: str, number: int) -> str:
    """Path of a chunk of samples inside the run folder, without its ending."""
    return f"{stage}/{number:05d}"


def examples_name(rows: str) -> str:
    """File of the adversarial examples of a chunk of rows, in another folder: that of the rows is one table, as pandas reads it."""
    return f"examples/{rows.partition('/')[2].removesuffix('.parquet')}.safetensors"


def attack_stages(plan: Plan) -> dict[str, str]:
    """Folder of each attack of the run, in order."""
    ordered = sorted(plan.attacks.items(), key=lambda item: item[1].position)
    return {name: stage_name("attacks", attack.position, name) for name, attack in ordered}


def certificate_stages(plan: Plan) -> list[str]:
    """Folder of each certificate of the run, in order."""
    return [stage_name("certificates", position, name) for position, name in enumerate(plan.certifiers)]


def chunk_files(manifest: Manifest, stage: str) -> list[str]:
    """The listed tables of one stage, in order."""
    return sorted(name for name in manifest.files if name.startswith(f"{stage}/"))


def json_bytes(value: Any) -> bytes:
    """JSON text that does not depend on the order of keys."""
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def manifest_bytes(manifest: Manifest) -> bytes:
    """The content of `run.json`."""
    return json_bytes(portable(manifest))


def run_path(given: Any) -> Path:
    """Return the path of a run folder.

    Raises:
        InputError: it was given as something else, such as the evaluation itself.
    """
    if isinstance(given, str | PathLike):
        return Path(given)
    raise InputError(
        f"the run folder was given as {brief(given)}; expected its path, that which evaluate was given as out="
    )


def read_manifest(folder: Path) -> Manifest:
    """Read `run.json`.

    Raises:
        InputError: the folder is no run folder, or the file is damaged; the sentence names the first field that is not as expected.
    """
    path = folder / MANIFEST
    if folder.name == MANIFEST and folder.is_file():
        raise InputError(f"{folder} is a file of a run folder, and the folder is expected; give {folder.parent}")
    if not path.is_file():
        raise InputError(
            f"{folder} is no run folder: it has no {MANIFEST}; give the folder that evaluate wrote with out="
        )
    content = read_bytes(path)
    try:
        json.loads(content, object_pairs_hook=_once)
        return msgspec.json.decode(content, type=Manifest, dec_hook=real)
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path} ({len(content):,} bytes) is not as epsball writes it in format {FORMAT}: {_short(error)}; "
            "restore it, or evaluate again into another folder"
        ) from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The entries of an object, none of which may stand there twice: another reader would take the other one."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in entries if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands there twice")
    return entries


def _short(error: Exception) -> str:
    """What is wrong and where, without the middle of a name that goes on for pages."""
    text = str(error)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 :]}"


def altered_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    """One sentence for every file that is missing, altered, or there without being listed."""
    if manifest.digest != manifest.sealed().digest:
        yield f"{MANIFEST} is not as it was written: its digest differs"
    needed = [INPUTS, CLEAN, SAMPLES] if manifest.complete else []
    yield from (f"{MANIFEST} does not list {name}" for name in needed if name not in manifest.files)
    for name, entry in sorted(manifest.files.items()):
        file = folder / name
        if not file.is_file():
            yield f"{name} is missing"
        elif file_digest(file) != entry.sha256:
            yield f"{name} is not as it was written: its digest differs"
    if manifest.complete:
        there = {
            file.relative_to(folder).as_posix()
            for kind in ("attacks", "examples", "certificates")
            for file in (folder / kind).rglob("*.*")
        }
        yield from (f"{name} is not listed in {MANIFEST}" for name in sorted(there - manifest.files.keys()))


def checked_manifest(folder: Path) -> Manifest:
    """Read `run.json` of a folder whose files are all as they were written.

    Raises:
        InputError: it is no run folder, or a file is missing, altered or not listed.
    """
    manifest = read_manifest(folder)
    for problem in altered_files(folder, manifest):
        raise InputError(f"{folder}: {problem}; restore it, or evaluate again into another folder")
    return manifest
