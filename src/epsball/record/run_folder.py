"""The run folder as its writer sees it: opened or resumed, one finished part after the other, closed."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epsball.errors import InputError, OtherConfigurationError
from epsball.record.evaluation import ATTACK_COLUMNS, SAMPLE_COLUMNS, AttackRows, Finding
from epsball.record.files import (
    TEMPORARY,
    array_bytes,
    damaged,
    json_bytes,
    read_bytes,
    read_table,
    sha256,
    table_bytes,
    write_whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

MANIFEST = "run.json"
INPUTS = "inputs.safetensors"
SAMPLES = "samples.parquet"
INCIDENTAL = (
    "versions",
    "machine",
    "started",
    "batching.batch_size",
    "batching.channels_last",
    "batching.block_size",
    "batching.tiles",
)
"""What may differ on resuming: none of it changes a decision."""


def stage_name(kind: str, position: int, name: str) -> str:
    """Folder of one attack or certificate inside the run folder, e.g. `attacks/02-pgd`."""
    return f"{kind}/{position:02d}-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}"


class RunFolder:
    """A run folder open for writing: every file is whole and every finished part is listed with its SHA-256.

    Files are written first and listed in `run.json` afterwards, so that a kill in between only repeats that part.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        """Use `RunFolder.open`."""
        self.path = path
        self._manifest = manifest

    @classmethod
    def open(cls, path: Path | str, spec: Mapping[str, Any]) -> RunFolder:
        """Create the folder, or continue the run it holds if that run has the same configuration.

        Args:
            path: the folder.
            spec: provenance of the run, JSON-able; versions, machine, start and batching may differ on resuming.

        Raises:
            InputError: the folder holds something else, another configuration, or cannot be written.
        """
        path = Path(path)
        if (path / MANIFEST).exists():
            manifest = read_manifest(path)
            _same(path, manifest["spec"], spec)
            return cls(path, manifest)
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file, a run needs a folder; choose another name with out=")
        if path.exists() and any(not name.name.endswith(TEMPORARY) for name in path.iterdir()):
            raise InputError(
                f"{path} holds files but no {MANIFEST}, so it is no run folder; choose an empty one with out="
            )
        manifest = {"format": 1, "status": "running", "spec": dict(spec), "parts": {}, "seconds": {}, "findings": []}
        folder = cls(path, manifest)
        folder._commit()
        return folder

    def _commit(self) -> None:
        self._manifest["digest"] = digest(self._manifest)
        write_whole(self.path / MANIFEST, json_bytes(self._manifest))

    def _write(self, name: str, content: bytes, rows: int) -> None:
        write_whole(self.path / name, content)
        self._manifest["parts"][name] = {"sha256": sha256(content), "rows": rows}

    @property
    def complete(self) -> bool:
        """Whether the run was finished."""
        return bool(self._manifest["status"] == "complete")

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent so far, by stage."""
        return dict(self._manifest["seconds"])

    def finished(self, name: str) -> bool:
        """Whether the file was written and listed."""
        return name in self._manifest["parts"]

    def write_inputs(self, x: NDArray[Any], y: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """Store the clean inputs (n, C, H, W), their labels and ids, once."""
        if not self.finished(INPUTS):
            self._write(INPUTS, array_bytes({"x": x, "y": y, "ids": ids}), len(y))
            self._commit()

    def write_part(
        self,
        stage: str,
        part: int,
        rows: AttackRows,
        examples: tuple[NDArray[np.int64], NDArray[Any]],
        seconds: float,
        remarks: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Store one part of one attack: its rows, ids and inputs of its hits, and remarks (JSON lists) about it."""
        name = part_name(stage, part)
        ids, x = examples
        self._write(f"{name}.safetensors", array_bytes({"ids": ids, "x": x}), len(ids))
        self._write(f"{name}.parquet", table_bytes(rows.columns()), len(rows))
        kept = {key: list(values) for key, values in (remarks or {}).items() if values}
        if kept:
            self._manifest["parts"][f"{name}.parquet"]["remarks"] = kept
        self._add_seconds(stage, seconds)
        self._commit()

    def read_part(self, stage: str, part: int) -> AttackRows | None:
        """The rows of a finished part, or None where it is still to be done.

        Raises:
            InputError: the file was altered since it was written.
        """
        columns = self.read_columns(stage, part, ATTACK_COLUMNS)
        return None if columns is None else AttackRows.of(columns)

    def remarks(self, stage: str, part: int) -> dict[str, list[Any]]:
        """What was remarked about a finished part."""
        return dict(self._manifest["parts"][f"{part_name(stage, part)}.parquet"].get("remarks", {}))

    def write_columns(self, stage: str, part: int, columns: Mapping[str, NDArray[Any]], seconds: float) -> None:
        """Store one part of a stage that has no examples, e.g. of a certificate."""
        self._write(f"{part_name(stage, part)}.parquet", table_bytes(columns), len(columns["id"]))
        self._add_seconds(stage, seconds)
        self._commit()

    def read_columns(
        self, stage: str, part: int, kinds: Mapping[str, type[np.generic]]
    ) -> dict[str, NDArray[Any]] | None:
        """The columns of a finished part, or None where it is still to be done.

        Raises:
            InputError: the file was altered since it was written.
        """
        name = f"{part_name(stage, part)}.parquet"
        if not self.finished(name):
            return None
        if sha256(read_bytes(self.path / name)) != self._manifest["parts"][name]["sha256"]:
            raise InputError(f"{self.path / name} was altered since it was written; restore it, or use another folder")
        return read_table(self.path / name, kinds)

    def _add_seconds(self, stage: str, seconds: float) -> None:
        self._manifest["seconds"][stage] = self._manifest["seconds"].get(stage, 0.0) + seconds

    def read_samples(self) -> dict[str, NDArray[Any]] | None:
        """The per-sample columns of an earlier session, or None where there was none."""
        return read_table(self.path / SAMPLES, SAMPLE_COLUMNS) if (self.path / SAMPLES).exists() else None

    def write_findings(self, findings: Sequence[Finding]) -> None:
        """Store what is known before the first attack."""
        self._manifest["findings"] = [asdict(finding) for finding in findings]
        self._commit()

    def write_samples(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Store the per-sample columns as they stand; listed with a digest only once the run is complete."""
        write_whole(self.path / SAMPLES, table_bytes(columns))

    def finish(self, columns: Mapping[str, NDArray[Any]], findings: Sequence[Finding]) -> None:
        """Store the final per-sample columns and findings and mark the run complete."""
        self._write(SAMPLES, table_bytes(columns), len(columns["id"]))
        self._manifest["findings"] = [asdict(finding) for finding in findings]
        self._manifest["status"] = "complete"
        self._commit()


def digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of all that `run.json` says beside this digest."""
    return sha256(json_bytes({key: value for key, value in manifest.items() if key != "digest"}))


def part_name(stage: str, part: int) -> str:
    """Path of a part inside the run folder, without its ending."""
    return f"{stage}/{part:05d}"


def read_manifest(path: Path) -> dict[str, Any]:
    """Read `run.json`.

    Raises:
        InputError: the folder is no run folder, or the file is damaged.
    """
    if not (path / MANIFEST).is_file():
        raise InputError(
            f"{path} is no run folder: it has no {MANIFEST}; give the folder that evaluate wrote with out="
        )
    content = read_bytes(path / MANIFEST)
    try:
        manifest: dict[str, Any] = json.loads(content)
        whole = all(isinstance(manifest[key], dict) for key in ("spec", "parts", "seconds"))
        whole = whole and isinstance(manifest["findings"], list) and manifest["status"] in {"running", "complete"}
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise damaged(path / MANIFEST, MANIFEST, len(content))
    return manifest


def _same(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    there, here = dict(_leaves(old)), dict(_leaves(new))
    for key in sorted(there.keys() | here.keys()):
        if not key.startswith(INCIDENTAL) and there.get(key, "absent") != here.get(key, "absent"):
            raise OtherConfigurationError(
                f"{path} holds a run with {key} = {there.get(key, 'absent')}, this one has "
                f"{key} = {here.get(key, 'absent')}; choose another folder with out=, or delete that one"
            )


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name in value:
            yield from _leaves(value[name], f"{key}.{name}" if key else str(name))
    else:
        yield key, value
