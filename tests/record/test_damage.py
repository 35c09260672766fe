"""A run folder that was damaged or altered is refused in one sentence, whatever was altered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from epsball.errors import InputError
from epsball.record import RunFolder, read_examples, read_inputs, read_run
from epsball.record.files import table_bytes
from epsball.record.manifest import examples_name, json_bytes, read_manifest
from epsball.record.ownership import LOCK
from forgery import altered, contents, forge, seal
from plans import PLAN
from record.test_run_folder import FIRST, SECOND, STAGE, table, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.mark.parametrize("name", ["run.json", "samples.parquet", "inputs.safetensors", f"{STAGE}/00000.parquet"])
@pytest.mark.parametrize("left", [0, 10, -7])
def test_a_truncated_file_is_one_sentence(name: str, left: int, tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(InputError, match=rf"{name} .*restore it, or evaluate again"):
        read_run(tmp_path)


@pytest.mark.parametrize("left", [0, 10, -7])
def test_truncated_arrays_are_one_sentence(left: int, tmp_path: Path) -> None:
    write(tmp_path)
    for name in ("inputs.safetensors", examples_name(f"{STAGE}/00000")):
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
    forge(tmp_path, name, table_bytes(columns))
    with pytest.raises(InputError, match=rf"{name} has no column '{column}' \(it has 'id', "):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: run.pop("plan"), "missing required field `plan`"),
        (lambda run: run.update(status="fine"), r"Invalid enum value 'fine' - at `\$\.status`"),
        (lambda run: run.update(extra=1), "unknown field `extra`"),
        (lambda run: run.update(format=1), r"Invalid enum value 1 - at `\$\.format`"),
        (lambda run: run.update(findings=[{"id": "D02"}]), r"missing required field .* - at `\$\.findings\[0\]`"),
        (lambda run: run["plan"].pop("attacks"), r"missing required field `attacks` - at `\$\.plan`"),
        (
            lambda run: run["plan"]["threat"].update(eps="wide"),
            r"Expected a number or 'inf', got 'wide' - at `\$\.plan\.threat\.eps`",
        ),
        (lambda run: run["plan"]["threat"].update(low=[["x"]]), r"at `\$\.plan\.threat`"),
        (lambda run: run["files"].update({"../x": {"sha256": "", "rows": 1}}), r"regex .* - at `key` in `\$\.files`"),
    ],
)
def test_the_field_that_is_not_as_it_should_be_is_named(
    damage: Callable[[dict[str, Any]], Any], said: str, tmp_path: Path
) -> None:
    write(tmp_path)
    run = contents(tmp_path)
    damage(run)
    seal(tmp_path, run)
    with pytest.raises(InputError, match=said) as caught:
        read_run(tmp_path)
    assert str(tmp_path / "run.json") in str(caught.value)
    assert "restore it, or evaluate again" in str(caught.value)


def test_a_value_that_was_altered_and_still_fits_is_noticed_by_its_digest(tmp_path: Path) -> None:
    write(tmp_path)
    run = contents(tmp_path)
    run["plan"]["seed"] = 7
    (tmp_path / "run.json").write_bytes(json_bytes(run))
    with pytest.raises(InputError, match=r"run\.json is not as it was written: its digest differs; restore it"):
        read_run(tmp_path)


def test_no_altered_value_ends_in_a_traceback(tmp_path: Path) -> None:
    write(tmp_path)
    refused = 0
    for place, run in altered(contents(tmp_path)):
        (tmp_path / "run.json").write_bytes(json_bytes(run))
        with pytest.raises(InputError):
            pytest.fail(f"{place}: {read_run(tmp_path)}")
        refused += 1
    assert refused > 500


def test_what_is_written_is_read_back_as_the_same_value(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert read_manifest(tmp_path) == folder.manifest


def test_a_missing_file_and_a_run_without_results_are_one_sentence(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with pytest.raises(InputError, match="no results yet; run the same command again"):
        read_run(tmp_path)
    write(tmp_path)
    (tmp_path / STAGE / "00001.parquet").unlink()
    with pytest.raises(InputError, match=rf"{STAGE}/00001.parquet is missing"):
        read_run(tmp_path)


@pytest.mark.parametrize("steps", range(1, 6))
def test_one_altered_bit_of_any_file_is_noticed_before_the_run_goes_on(steps: int, tmp_path: Path) -> None:
    write(tmp_path, steps)
    for file in sorted(file for file in tmp_path.rglob("*.*") if file.is_file() and file.name != LOCK):
        content = file.read_bytes()
        for place in (len(content) // 3, len(content) - 2):
            file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(InputError):
                RunFolder.open(tmp_path, PLAN)
            with pytest.raises(InputError):
                read_run(tmp_path)
        file.write_bytes(content)
    assert write(tmp_path).complete


def test_a_name_that_stands_twice_in_the_list_of_contents_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / "run.json"
    file.write_text(file.read_text().replace('"status":', '"status": "running", "status":'))
    with pytest.raises(InputError, match="'status' stands there twice"):
        read_run(tmp_path)
