"""Rows that are not there are noticed even where every other file was made to agree."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

import epsball as eb
from epsball.record import read_run
from epsball.record.evaluation import ATTACK_COLUMNS, SAMPLE_COLUMNS
from epsball.record.files import read_table, table_bytes
from epsball.record.manifest import examples_name
from epsball.verification.verify import verify
from forgery import contents, seal
from forgery import forge as forge_file
from toy import Affine, toy_run

if TYPE_CHECKING:
    from pathlib import Path

FGSM = "attacks/01-fgsm/"
DEEPFOOL = "attacks/03-deepfool/"
SAMPLES = "samples.parquet"

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "honest"
    toy_run(path)
    return path


@pytest.fixture
def folder(honest: Path, tmp_path: Path) -> Path:
    return shutil.copytree(honest, tmp_path / "run")


def forge(folder: Path, files: dict[str, bytes | None]) -> None:
    """Replace or delete files and make the manifest agree."""
    for name, content in files.items():
        if content is not None:
            forge_file(folder, name, content)
    manifest = contents(folder)
    for name in [name for name, content in files.items() if content is None]:
        (folder / name).unlink()
        del manifest["files"][name]
    seal(folder, manifest)


def last_part(folder: Path, stage: str) -> str:
    return stage + max(file.name for file in (folder / stage).glob("*.parquet"))


def without(folder: Path, dropped: dict[str, Any]) -> bytes:
    """The samples as they would be had some rows of an attack never been there."""
    samples = read_table(folder / SAMPLES, SAMPLE_COLUMNS)
    at = np.searchsorted(samples["id"], dropped["id"])
    for column in ("queries", "gradients"):
        samples[column][at] -= dropped[column]
    return table_bytes(samples)


def test_last_rows_that_are_missing_are_noticed(folder: Path, honest: Path) -> None:
    name = last_part(folder, FGSM)
    rows = read_table(folder / name, ATTACK_COLUMNS)
    assert not rows["success"][-1]
    kept = {column: values[:-1] for column, values in rows.items()}
    dropped = {column: values[-1:] for column, values in rows.items()}
    forge(folder, {name: table_bytes(kept), SAMPLES: without(folder, dropped)})
    asked = len(read_run(honest).attacks["fgsm"])
    with pytest.raises(eb.UntrustworthyError, match=f"01-fgsm holds {asked - 1} rows, expected {asked}"):
        verify(folder, Affine())


def test_a_last_part_that_is_missing_is_noticed(folder: Path) -> None:
    name = last_part(folder, FGSM)
    rows = read_table(folder / name, ATTACK_COLUMNS)
    samples = read_table(folder / SAMPLES, SAMPLE_COLUMNS)
    hit = np.searchsorted(samples["id"], rows["id"][rows["success"]])
    assert set(samples["by"][hit]) <= {"fgsm", "pgd", "deepfool"}
    forge(
        folder,
        {
            name: None,
            examples_name(name): None,
            SAMPLES: without(folder, rows),
        },
    )
    with pytest.raises(eb.UntrustworthyError, match="01-fgsm holds 32 rows, expected 48"):
        verify(folder, Affine())


def test_hits_that_are_missing_with_their_examples_are_noticed(folder: Path) -> None:
    """The last rows of the last attack go, with their examples, and their samples are said to stand."""
    name = last_part(folder, DEEPFOOL)
    arrays = examples_name(name)
    rows, hits = read_table(folder / name, ATTACK_COLUMNS), load_file(folder / arrays)
    samples = read_table(folder / SAMPLES, SAMPLE_COLUMNS)
    last = rows["id"][-1:]
    at = np.searchsorted(samples["id"], last)
    assert samples["by"][at] == "deepfool"
    assert hits["ids"][-1:] == last
    samples["by"][at], samples["upper"][at] = "", np.inf
    for column in ("queries", "gradients"):
        samples[column][at] -= rows[column][-1:]
    forge(
        folder,
        {
            name: table_bytes({column: values[:-1] for column, values in rows.items()}),
            arrays: save({"ids": hits["ids"][:-1], "x": hits["x"][:-1]}),
            SAMPLES: table_bytes(samples),
        },
    )
    with pytest.raises(eb.UntrustworthyError, match="03-deepfool holds 53 rows, expected 54"):
        verify(folder, Affine())


def test_samples_that_are_missing_are_noticed(folder: Path) -> None:
    samples = read_table(folder / SAMPLES, SAMPLE_COLUMNS)
    forge(folder, {SAMPLES: table_bytes({column: values[:-1] for column, values in samples.items()})})
    with pytest.raises(eb.UntrustworthyError, match=r"samples\.parquet has 59 rows, expected 60"):
        verify(folder, Affine())
