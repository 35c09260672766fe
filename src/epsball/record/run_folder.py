"""The run folder as its writer sees it: opened or resumed, one finished chunk after the other, closed."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from epsball.errors import FolderLostError, InputError, LeftOutWarning, OtherConfigurationError
from epsball.record.arrays import array_blocks
from epsball.record.evaluation import ATTACK_COLUMNS, CLEAN_COLUMNS, AttackRows
from epsball.record.files import TEMPORARY, read_bytes, read_table, sha256, table_bytes, write_whole
from epsball.record.images import StoredImages
from epsball.record.manifest import (
    CLEAN,
    INPUTS,
    MANIFEST,
    SAMPLES,
    File,
    Manifest,
    altered_files,
    checked_manifest,
    chunk_name,
    examples_name,
    manifest_bytes,
    read_manifest,
)
from epsball.record.ownership import LOCK, Ownership
from epsball.record.plan import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from epsball.record.blocks import Rows
    from epsball.record.evaluation import Finding
    from epsball.record.plan import Plan
    from epsball.record.store import Notes

    Differences = Callable[[Plan, Plan], Iterable[str]]

DECISIVE_VERSIONS = ("epsball", "torch")
"""Packages whose version must be the same in all chunks of a run."""


class RunFolder:
    """A run folder open for writing: every file is whole and every finished chunk is listed with its SHA-256.

    Files are written first and listed in `run.json` afterwards, so that a kill in between only repeats that chunk.
    """

    def __init__(self, path: Path, manifest: Manifest, owner: Ownership | None) -> None:
        """Use `RunFolder.open`; a complete run needs no owner, nothing is written into it."""
        self.path: Path = path
        self.manifest: Manifest = manifest
        self._owner = owner
        self._before = manifest

    @classmethod
    def open(
        cls, path: Path | str, plan: Plan, differences: Differences = differences, *, more: bool = False
    ) -> RunFolder:
        """Create the folder, or continue the run it holds if that run has the same plan.

        A run of another plan that ended after its clean pass, before any certificate or attack, is replaced, which a
        `LeftOutWarning` says: that is how a forgotten normalisation is mended with the same folder.

        Args:
            path: the folder.
            plan: of the run; its environment and batching may differ from those of the folder.
            differences: names what makes one plan another.
            more: go on with a finished run, too, for more samples.

        Raises:
            InputError: the folder holds something else, is being written by another run, or cannot be written.
            OtherConfigurationError: it holds a run with another plan, or a half-done one of another version.
        """
        path = Path(path)
        if not more and (path / MANIFEST).exists() and read_manifest(path).complete:
            manifest = checked_manifest(path)
            _same(path, manifest.plan, plan, differences)
            return cls(path, manifest, None)
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file, a run needs a folder; choose another name with out=")
        if path.exists() and not (path / MANIFEST).exists() and any(map(_is_foreign, path.iterdir())):
            raise InputError(
                f"{path} holds files but no {MANIFEST}, so it is no run folder; choose an empty one with out="
            )
        owner = Ownership(path)
        try:
            return cls._owned(path, plan, differences, owner)
        except BaseException:
            owner.release()
            raise

    @classmethod
    def _owned(cls, path: Path, plan: Plan, differences: Differences, owner: Ownership) -> RunFolder:
        if (path / MANIFEST).exists():
            manifest = checked_manifest(path)
            try:
                _same(path, manifest.plan, plan, differences)
                _same_versions(path, manifest.plan, plan)
                return cls(path, manifest, owner)
            except OtherConfigurationError:
                if not _ended_before_attacks(manifest):
                    raise
            said = (
                f"{path} held only the clean pass of another run, which a check ended before any attack; it is replaced"
            )
            warnings.warn(said, LeftOutWarning, 2)
        folder = cls(path, Manifest.start(plan), owner)
        folder._commit()
        return folder

    def close(self) -> None:
        """Let other runs write there."""
        if self._owner is not None:
            self._owner.release()

    def _put(self, name: str, content: bytes | Iterable[bytes]) -> None:
        if self._owner is None:
            raise InputError(f"{self.path} holds a finished run; nothing can be added, choose another folder with out=")
        self._owner.check()
        try:
            write_whole(self.path / name, content)
        finally:
            self._owner.check()  # moved or deleted meanwhile: what was written lies in another folder of the same name

    def _commit(self, **changes: Any) -> None:
        manifest = replace(self.manifest, **changes).sealed()
        self._put(MANIFEST, manifest_bytes(manifest))
        self.manifest = manifest

    def _write(
        self, name: str, content: bytes | Iterable[bytes], rows: int, notes: Notes | None = None
    ) -> dict[str, File]:
        """Write a file and return its entry for the list."""
        digest = hashlib.sha256()
        self._put(name, _counted_in(digest, [content] if isinstance(content, bytes) else content))
        return {name: File(sha256=digest.hexdigest(), rows=rows, notes=notes or {})}

    @property
    def complete(self) -> bool:
        """Whether the run was finished."""
        return self.manifest.complete

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds spent so far, by stage."""
        return self.manifest.seconds

    @property
    def images(self) -> StoredImages:
        """The inputs and adversarial examples."""
        return StoredImages(self.path)

    def write_inputs(self, x: Rows, y: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """Store the clean inputs (n, C, H, W), their labels and ids, once."""
        if INPUTS not in self.manifest.files:
            written = self._write(INPUTS, array_blocks({"ids": ids, "y": y, "x": x}), len(y))
            self._commit(files=self.manifest.files | written)

    def extend(self, plan: Plan, x: Rows, y: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """The run is about more samples from now on; their inputs are stored when it is known that there are no more."""
        del x, y, ids
        self._before = self.manifest
        if plan.budget and self.manifest.plan.budget and plan.budget.rounds > self.manifest.plan.budget.rounds:
            kept = {name: entry for name, entry in self.manifest.files.items() if name not in {INPUTS, SAMPLES}}
            plan = replace(plan, environment=self.manifest.plan.environment)
            self._commit(plan=plan, files=kept, status="running")

    def drop_round(self) -> None:
        """Undo the last `extend`, and delete what was written since."""
        since = self.manifest.files.keys() - self._before.files.keys()
        self._commit(**{name: getattr(self._before, name) for name in ("plan", "files", "status", "seconds")})
        for name in since:
            (self.path / name).unlink(missing_ok=True)

    def write_chunk(
        self,
        stage: str,
        number: int,
        rows: AttackRows,
        examples: tuple[NDArray[np.int64], NDArray[Any]],
        seconds: float,
        notes: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Store one chunk of an attack: its rows, ids and inputs of its adversarial examples, and notes about it."""
        name = chunk_name(stage, number)
        ids, x = examples
        kept = {key: list(values) for key, values in (notes or {}).items() if values}
        written = self._write(examples_name(name), array_blocks({"ids": ids, "x": x}), len(ids))
        written |= self._write(f"{name}.parquet", table_bytes(rows.columns()), len(rows), kept)
        self._commit(files=self.manifest.files | written, seconds=self._spent(stage, seconds))

    def read_chunk(self, stage: str, number: int) -> AttackRows | None:
        """The rows of a finished chunk, or None where it is still to be done.

        Raises:
            InputError: the file was altered since it was written.
        """
        columns = self.read_columns(stage, number, ATTACK_COLUMNS)
        return None if columns is None else AttackRows.of(columns)

    def notes(self, stage: str, number: int) -> Notes:
        """The notes about a finished chunk."""
        return dict(self.manifest.files[f"{chunk_name(stage, number)}.parquet"].notes)

    def write_columns(self, stage: str, number: int, columns: Mapping[str, NDArray[Any]], seconds: float) -> None:
        """Store one chunk of a stage that has no examples, e.g. of a certificate."""
        written = self._write(f"{chunk_name(stage, number)}.parquet", table_bytes(columns), len(columns["id"]))
        self._commit(files=self.manifest.files | written, seconds=self._spent(stage, seconds))

    def read_columns(
        self, stage: str, number: int, kinds: Mapping[str, type[np.generic]]
    ) -> Mapping[str, NDArray[Any]] | None:
        """The columns of a finished chunk, or None where it is still to be done.

        Raises:
            InputError: the file was altered since it was written.
        """
        return self._read(f"{chunk_name(stage, number)}.parquet", kinds)

    def _read(self, name: str, kinds: Mapping[str, type[np.generic]]) -> Mapping[str, NDArray[Any]] | None:
        if name not in self.manifest.files:
            return None
        if sha256(read_bytes(self.path / name)) != self.manifest.files[name].sha256:
            raise InputError(f"{self.path / name} was altered since it was written; restore it, or use another folder")
        return read_table(self.path / name, kinds, self.manifest.plan.data.n)

    def _spent(self, stage: str, seconds: float) -> dict[str, float]:
        return self.manifest.seconds | {stage: self.manifest.seconds.get(stage, 0.0) + seconds}

    def read_clean(self) -> Mapping[str, NDArray[Any]] | None:
        """Ids, labels and predictions of the clean inputs, or None where they are still to be written."""
        return self._read(CLEAN, CLEAN_COLUMNS)

    def write_clean(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Store ids, labels and predictions of the clean inputs, once: on a model that draws, another pass gives others."""
        kept = {name: columns[name] for name in CLEAN_COLUMNS}
        self._commit(files=self.manifest.files | self._write(CLEAN, table_bytes(kept), len(kept["id"])))

    def write_findings(self, findings: Sequence[Finding]) -> None:
        """Store what is known before the first attack."""
        self._commit(findings=tuple(findings))

    def finish(self, columns: Mapping[str, NDArray[Any]], findings: Sequence[Finding]) -> None:
        """Store the final columns of the samples and the findings, and mark the run complete.

        Raises:
            FolderLostError: a file that was written before is not there any more, or is another one.
        """
        written = self._write(SAMPLES, table_bytes(columns), len(columns["id"]))
        for problem in altered_files(self.path, self.manifest):
            raise FolderLostError(
                f"{self.path}: {problem}, something else moved or wrote it while a run was written there; "
                "restore it and run the same command again, or start afresh in another folder"
            )
        self._commit(files=self.manifest.files | written, findings=tuple(findings), status="complete")


def _counted_in(digest: hashlib._Hash, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece


def _is_foreign(file: Path) -> bool:
    return file.name != LOCK and not file.name.endswith(TEMPORARY)


def _ended_before_attacks(manifest: Manifest) -> bool:
    """Whether there is nothing but a clean pass, and a failed check that may have ended the run."""
    failed = any(finding.severity == "FAIL" for finding in manifest.findings)
    return failed and not manifest.complete and manifest.files.keys() <= {INPUTS, CLEAN}


def _same(path: Path, there: Plan, here: Plan, differences: Differences) -> None:
    for difference in differences(there, here):
        raise OtherConfigurationError(
            f"{path} holds a run with {difference}; choose another folder with out=, or delete that one"
        )


def _same_versions(path: Path, there: Plan, here: Plan) -> None:
    for package in DECISIVE_VERSIONS:
        old, new = (plan.environment.versions.get(package) for plan in (there, here))
        if old != new:
            raise OtherConfigurationError(
                f"{path} holds a run that was begun under {package} {old}, this is {package} {new}, and they do not mix; "
                f"finish it under {package} {old}, choose another folder with out=, or delete that one"
            )
