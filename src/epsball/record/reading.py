"""The run folder as its reader sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.errors import InputError, UnfinishedError
from epsball.record import consistency
from epsball.record.arrays import open_examples, open_inputs
from epsball.record.columns import positions, tabulate
from epsball.record.evaluation import (
    ATTACK_COLUMNS,
    CERTIFICATE_COLUMNS,
    CLEAN_COLUMNS,
    SAMPLE_COLUMNS,
    AttackRows,
    Evaluation,
    Finding,
)
from epsball.record.files import read_table
from epsball.record.images import StoredImages
from epsball.record.manifest import (
    CLEAN,
    INPUTS,
    MANIFEST,
    SAMPLES,
    Manifest,
    attack_stages,
    certificate_stages,
    checked_manifest,
    chunk_files,
    examples_name,
    read_manifest,
    run_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

UNFINISHED = "unfinished"
"""Id of the finding that an unfinished run begins with."""


def read_run(path: Path | str) -> Evaluation:
    """Read a run folder, finished or not; of an unfinished run, the attacks that have ended. Nothing that it names is loaded.

    Raises:
        UnfinishedError: it has no results yet.
        InputError: it is no run folder, a file of it is missing, altered, damaged or lacks a column, or its parts contradict
            each other.
    """
    path = run_path(path)
    manifest = checked_manifest(path)
    if INPUTS not in manifest.files or not {CLEAN, SAMPLES} & manifest.files.keys():
        raise UnfinishedError(
            f"{path} has no {SAMPLES}: the run has no results yet; run the same command again to go on"
        )
    try:
        return _assemble(path, manifest)
    except (KeyError, TypeError, _ContradictionError) as error:
        raise InputError(
            f"{path} does not hold together ({_reason(error)}); it is not as epsball wrote it: "
            "restore it, or evaluate again into another folder"
        ) from error


class _ContradictionError(Exception):
    """Parts of a run folder that say different things."""


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, _ContradictionError) else f"{type(error).__name__}: {error}"


def _agree(problems: Iterable[str]) -> None:
    for problem in problems:
        raise _ContradictionError(problem)


def _assemble(path: Path, manifest: Manifest) -> Evaluation:
    plan, complete = manifest.plan, manifest.complete
    _, label, ids = open_inputs(path)
    _agree(consistency.strange_files(manifest))
    samples = _table(path, manifest, CLEAN, CLEAN_COLUMNS, len(ids))
    _agree(consistency.strange_samples(manifest, label, ids, samples))
    attacks = {
        attack: _attack_rows(path, manifest, attack, stage, samples) for attack, stage in attack_stages(plan).items()
    }
    whole, problems = consistency.ended(samples, attacks, manifest)
    _agree(problems)
    columns = tabulate(ids, label, samples["clean"], _certified(path, manifest, ids), whole)
    if complete:
        recorded = _table(path, manifest, SAMPLES, SAMPLE_COLUMNS, len(ids))
        _agree(consistency.other_columns(recorded, columns))
    findings = [*(() if complete else (_unfinished(attacks, whole, manifest.findings),)), *manifest.findings]
    seconds = float(sum(manifest.seconds.values()))
    return Evaluation.of(plan, columns, whole, findings, seconds, complete=complete, images=StoredImages(path))


def _attack_rows(
    path: Path, manifest: Manifest, attack: str, stage: str, samples: dict[str, NDArray[Any]]
) -> AttackRows:
    chunks = []
    for file in chunk_files(manifest, stage):
        chunk = AttackRows.of(_table(path, manifest, file, ATTACK_COLUMNS, len(samples["id"])))
        examples = manifest.files.get(examples_name(file))
        if examples is None or examples.rows != int(chunk.success.sum()):
            raise _ContradictionError(f"{MANIFEST} lists other examples than the successes of {file}")
        chunks.append(chunk)
    rows = AttackRows.join(chunks)
    _agree(consistency.strange_rows(attack, rows, samples, manifest))
    return rows


def _certified(path: Path, manifest: Manifest, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    lower = np.zeros(len(ids))
    for stage in certificate_stages(manifest.plan):
        for file in chunk_files(manifest, stage):
            columns = _table(path, manifest, file, CERTIFICATE_COLUMNS, len(ids))
            if not (columns["lower"] >= 0).all():
                raise _ContradictionError(f"{file} holds a negative or missing radius")
            at = positions(ids, columns["id"])
            lower[at] = np.maximum(lower[at], columns["lower"])
    return lower


def _table(
    path: Path, manifest: Manifest, name: str, kinds: Mapping[str, type[np.generic]], most: int
) -> dict[str, NDArray[Any]]:
    """A listed table, whose rows are as many as the list says."""
    columns = read_table(path / name, kinds, most)
    if len(columns["id"]) != manifest.files[name].rows:
        raise _ContradictionError(
            f"{MANIFEST} lists {manifest.files[name].rows} rows of {name}, it has {len(columns['id'])}"
        )
    return columns


def _unfinished(
    attacks: Mapping[str, AttackRows], whole: Mapping[str, AttackRows], findings: Iterable[Finding]
) -> Finding:
    """What a reader of an unfinished run is told first."""
    failed = [finding.id for finding in findings if finding.severity == "FAIL"]
    if failed and not any(map(len, attacks.values())):
        remedy = (
            f"do first what {' and '.join(failed)} says: the command with that mended takes the same folder; "
            "unchanged it ends here again, unless with --anyway, in Python anyway=True"
        )
    else:
        remedy = "run the same command again, which goes on from here, and quote nothing before it has ended"
    missing = [name for name in attacks if name not in whole]
    begun = [f"{name} has begun ({len(attacks[name]):,} samples)" for name in missing[:1] if len(attacks[name])]
    still = [f"still to come: {', '.join(missing)}", *begun] if missing else ["the last checks are still to come"]
    return Finding(
        UNFINISHED,
        "FAIL",
        "The run is unfinished, and attacks that are still to come can only lower its robust accuracy",
        "; ".join([f"ended: {', '.join(whole) or 'none'}", *still]),
        remedy,
    )


def read_inputs(path: Path | str) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """The clean inputs (n, C, H, W), their labels (n,) and ids (n,).

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    x, label, ids = open_inputs(Path(path))
    return x[:], label, ids


def read_examples(path: Path | str, attack: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The adversarial examples of one attack: their ids (k,) and inputs (k, C, H, W).

    Raises:
        InputError: it is no run folder, or the run has no attack of that name.
    """
    path = Path(path)
    manifest = read_manifest(path)
    stages = attack_stages(manifest.plan)
    if attack not in stages:
        raise InputError(f"{path} has no attack {attack!r}; it has {', '.join(stages) or 'none'}")
    chunks = [open_examples(path / examples_name(file)) for file in chunk_files(manifest, stages[attack])]
    if not chunks:
        return np.empty(0, dtype=np.int64), np.empty((0, *open_inputs(path)[0].shape[1:]), dtype=np.float32)
    return np.concatenate([ids for ids, _ in chunks]), np.concatenate([x[:] for _, x in chunks])
