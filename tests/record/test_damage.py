"""A run folder that was damaged is refused in one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from epsball.errors import InputError
from epsball.record import read_examples, read_inputs, read_run
from epsball.record.files import table_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

from record.test_run_folder import FIRST, SECOND, STAGE, table, write

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.mark.parametrize("name", ["run.json", "samples.parquet", f"{STAGE}/00000.parquet"])
@pytest.mark.parametrize("left", [0, 10, -7])
def test_a_truncated_file_is_one_sentence(name: str, left: int, tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(InputError, match=r"it is truncated or was altered: restore it, or evaluate again"):
        read_run(tmp_path)


@pytest.mark.parametrize("left", [0, 10, -7])
def test_truncated_arrays_are_one_sentence(left: int, tmp_path: Path) -> None:
    write(tmp_path)
    for name in ("inputs.safetensors", f"{STAGE}/00000.safetensors"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:left])
    with pytest.raises(InputError, match="no readable safetensors file"):
        read_inputs(tmp_path)
    with pytest.raises(InputError, match="no readable safetensors file"):
        read_examples(tmp_path, "pgd")


@pytest.mark.parametrize(("name", "column"), [("samples.parquet", "upper"), (f"{STAGE}/00001.parquet", "after")])
def test_a_missing_column_is_named(name: str, column: str, tmp_path: Path) -> None:
    write(tmp_path)
    columns = table(FIRST, SECOND) if name.startswith("samples") else SECOND.columns()
    del columns[column]
    (tmp_path / name).write_bytes(table_bytes(columns))
    with pytest.raises(InputError, match=rf"{name} has no column '{column}' \(it has id, "):
        read_run(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda run: run.pop("parts"),
        lambda run: run.update(status="fine"),
        lambda run: run.update(findings=[{"id": "D02"}]),
        lambda run: run["spec"].pop("attacks"),
    ],
)
def test_a_manifest_that_lacks_something_is_one_sentence(
    damage: Callable[[dict[str, Any]], Any], tmp_path: Path
) -> None:
    write(tmp_path)
    run = json.loads((tmp_path / "run.json").read_text())
    damage(run)
    (tmp_path / "run.json").write_text(json.dumps(run))
    with pytest.raises(InputError, match="restore it, or evaluate again"):
        read_run(tmp_path)


def test_a_missing_file_and_a_run_without_results_are_one_sentence(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with pytest.raises(InputError, match="no results yet; run the same command again"):
        read_run(tmp_path)
    write(tmp_path)
    (tmp_path / STAGE / "00001.parquet").unlink()
    with pytest.raises(InputError, match="No such file"):
        read_run(tmp_path)
