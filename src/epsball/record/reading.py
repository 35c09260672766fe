"""The run folder as its reader sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.errors import InputError
from epsball.record.columns import tabulate
from epsball.record.evaluation import ATTACK_COLUMNS, SAMPLE_COLUMNS, AttackRows, Evaluation
from epsball.record.files import read_arrays, read_table
from epsball.record.manifest import (
    INPUTS,
    SAMPLES,
    Manifest,
    attack_stages,
    checked_manifest,
    chunk_files,
    read_manifest,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_run(path: Path | str) -> Evaluation:
    """Read a run folder, finished or not; of an unfinished run, what the finished chunks say.

    Raises:
        InputError: it is no run folder, has no results yet, or a file of it is missing, altered, damaged or lacks a column.
    """
    path = Path(path)
    manifest = checked_manifest(path)
    if not (path / SAMPLES).is_file():
        raise InputError(f"{path} has no {SAMPLES}: the run has no results yet; run the same command again to go on")
    try:
        return _assemble(path, manifest)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path} does not hold together ({type(error).__name__}: {error}); it is not as epsball wrote it: "
            "restore it, or evaluate again into another folder"
        ) from error


def _assemble(path: Path, manifest: Manifest) -> Evaluation:
    samples = read_table(path / SAMPLES, SAMPLE_COLUMNS)
    attacks = {
        name: AttackRows.join(
            [
                AttackRows.of(read_table(path / file, ATTACK_COLUMNS))
                for file in chunk_files(manifest, stage, ".parquet")
            ]
        )
        for name, stage in attack_stages(manifest.plan).items()
    }
    if not manifest.complete:
        samples = tabulate(samples["id"], samples["label"], samples["clean"], samples["lower"], attacks)
    seconds = float(sum(manifest.seconds.values()))
    return Evaluation.of(manifest.plan, samples, attacks, list(manifest.findings), seconds)


def read_inputs(path: Path | str) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """The clean inputs (n, C, H, W), their labels (n,) and ids (n,)."""
    arrays = read_arrays(Path(path) / INPUTS, ("x", "y", "ids"))
    return arrays["x"], arrays["y"], arrays["ids"]


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
    chunks = [read_arrays(path / file, ("ids", "x")) for file in chunk_files(manifest, stages[attack], ".safetensors")]
    if not chunks:
        shape = read_inputs(path)[0].shape[1:]
        return np.empty(0, dtype=np.int64), np.empty((0, *shape), dtype=np.float32)
    return np.concatenate([chunk["ids"] for chunk in chunks]), np.concatenate([chunk["x"] for chunk in chunks])
