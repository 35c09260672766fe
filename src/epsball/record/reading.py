"""The run folder as its reader sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.errors import InputError
from epsball.record.columns import tabulate
from epsball.record.evaluation import ATTACK_COLUMNS, SAMPLE_COLUMNS, AttackRows, Evaluation, Finding
from epsball.record.files import read_arrays, read_table
from epsball.record.run_folder import INPUTS, SAMPLES, read_manifest, stage_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def attack_stages(spec: Mapping[str, Any]) -> dict[str, str]:
    """Folder of each attack of the run, in the order of asking."""
    ordered = sorted(spec["attacks"].items(), key=lambda item: item[1]["position"])
    return {name: stage_name("attacks", fields["position"], name) for name, fields in ordered}


def part_files(manifest: Mapping[str, Any], stage: str, ending: str) -> list[str]:
    """The listed files of one stage, in order."""
    return sorted(name for name in manifest["parts"] if name.startswith(f"{stage}/") and name.endswith(ending))


def read_run(path: Path | str) -> Evaluation:
    """Read a run folder, finished or not; of an unfinished run, what the finished parts say.

    Raises:
        InputError: it is no run folder, has no results yet, or a file of it is missing, damaged or lacks a column.
    """
    path = Path(path)
    manifest = read_manifest(path)
    if not (path / SAMPLES).is_file():
        raise InputError(f"{path} has no {SAMPLES}: the run has no results yet; run the same command again to go on")
    try:
        return _assemble(path, manifest)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path} does not hold together ({type(error).__name__}: {error}); it is not as epsball wrote it: "
            "restore it, or evaluate again into another folder"
        ) from error


def _assemble(path: Path, manifest: Mapping[str, Any]) -> Evaluation:
    samples = read_table(path / SAMPLES, SAMPLE_COLUMNS)
    attacks = {
        name: AttackRows.join(
            [AttackRows.of(read_table(path / file, ATTACK_COLUMNS)) for file in part_files(manifest, stage, ".parquet")]
        )
        for name, stage in attack_stages(manifest["spec"]).items()
    }
    if manifest["status"] != "complete":
        samples = tabulate(samples["id"], samples["label"], samples["clean"], samples["lower"], attacks)
    samples["ids"] = samples.pop("id")
    return Evaluation(
        spec=manifest["spec"],
        seconds=float(sum(manifest["seconds"].values())),
        findings=[Finding(**finding) for finding in manifest["findings"]],
        attacks=attacks,
        **samples,
    )


def read_inputs(path: Path | str) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """The clean inputs (n, C, H, W), their labels (n,) and ids (n,)."""
    arrays = read_arrays(Path(path) / INPUTS, ("x", "y", "ids"))
    return arrays["x"], arrays["y"], arrays["ids"]


def read_examples(path: Path | str, attack: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The hits of one attack: their ids (k,) and inputs (k, C, H, W).

    Raises:
        InputError: it is no run folder, or the run has no attack of that name.
    """
    path = Path(path)
    manifest = read_manifest(path)
    stages = attack_stages(manifest["spec"])
    if attack not in stages:
        raise InputError(f"{path} has no attack {attack!r}; it has {', '.join(stages) or 'none'}")
    parts = [read_arrays(path / file, ("ids", "x")) for file in part_files(manifest, stages[attack], ".safetensors")]
    if not parts:
        shape = read_inputs(path)[0].shape[1:]
        return np.empty(0, dtype=np.int64), np.empty((0, *shape), dtype=np.float32)
    return np.concatenate([part["ids"] for part in parts]), np.concatenate([part["x"] for part in parts])
