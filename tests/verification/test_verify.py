"""Verification: one altered value in any column, in any file, is noticed; an honest run passes."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

import epsball as eb
from epsball.record import read_run
from epsball.record.evaluation import ATTACK_COLUMNS, SAMPLE_COLUMNS
from epsball.record.files import read_table, table_bytes
from epsball.record.manifest import examples_name, json_bytes
from epsball.verification.verify import verify
from forgery import contents, forge, seal
from toy import EPS, Affine, exact_radius, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

DEEPFOOL = "attacks/03-deepfool/00001.parquet"
FGSM = "attacks/01-fgsm/00000.parquet"
PGD = "attacks/02-pgd/00000.parquet"


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "honest"
    toy_run(path, certifiers=[exact_radius(0.5)])
    return path


@pytest.fixture
def folder(honest: Path, tmp_path: Path) -> Path:
    return shutil.copytree(honest, tmp_path / "run")


def alter(values: NDArray[Any], row: int) -> NDArray[Any]:
    """The column with one value changed a little."""
    changed = values.copy()
    if values.dtype.kind == "b":
        changed[row] = not values[row]
    elif values.dtype.kind == "U":
        changed = values.astype(object)
        changed[row] = "pgd" if values[row] != "pgd" else "fgsm"
        return changed.astype(np.str_)
    elif values.dtype.kind == "f":
        changed[row] = values[row] * 0.99 if np.isfinite(values[row]) and values[row] else 0.01
    else:
        changed[row] = values[row] + 1
    return changed


def test_an_honest_run_passes(honest: Path) -> None:
    run = read_run(honest)
    verified = verify(honest, Affine())
    assert verified.samples == len(run)
    assert verified.successes == sum(int(rows.success.sum()) for rows in run.attacks.values()) > 60
    assert verified.complete
    assert verified.passes == 1
    assert verified.findings == ()
    assert verify(honest, Affine(), samples()) == verified


@pytest.mark.parametrize("column", ATTACK_COLUMNS)
@pytest.mark.parametrize(("name", "row"), [(DEEPFOOL, 0), (FGSM, "success"), (FGSM, "failure"), (PGD, -1)])
def test_one_altered_value_of_an_attack_is_noticed(column: str, name: str, row: int | str, folder: Path) -> None:
    columns = read_table(folder / name, ATTACK_COLUMNS)
    if isinstance(row, str):
        row = int(np.flatnonzero(columns["success"] == (row == "success"))[0])
    forge(folder, name, table_bytes(columns | {column: alter(columns[column], row)}))
    with pytest.raises(eb.UntrustworthyError, match="is not as its files and the model show"):
        verify(folder, Affine())


@pytest.mark.parametrize("column", SAMPLE_COLUMNS)
@pytest.mark.parametrize("row", [0, 10, -1])
def test_one_altered_value_of_the_samples_is_noticed(column: str, row: int, folder: Path) -> None:
    columns = read_table(folder / "samples.parquet", SAMPLE_COLUMNS)
    forge(folder, "samples.parquet", table_bytes(columns | {column: alter(columns[column], row)}))
    shown = f"samples.parquet, sample {range(60)[row]}: {column} is"
    with pytest.raises(eb.UntrustworthyError, match=shown):
        verify(folder, Affine())


@pytest.mark.parametrize("name", ["samples.parquet", FGSM, "certificates/00-certify/00000.parquet"])
def test_a_row_that_was_taken_out_is_noticed(name: str, folder: Path) -> None:
    kinds: Any = {"samples.parquet": SAMPLE_COLUMNS, FGSM: ATTACK_COLUMNS}.get(
        name, {"id": np.int64, "lower": np.float64}
    )
    columns = read_table(folder / name, kinds)
    kept = {column: values[:-1] for column, values in columns.items()}
    forge(folder, name, table_bytes(kept))
    with pytest.raises(eb.UntrustworthyError, match="is not as its files"):
        verify(folder, Affine())


def test_a_raised_certificate_is_noticed(folder: Path) -> None:
    name = "certificates/00-certify/00001.parquet"
    columns = read_table(folder / name, {"id": np.int64, "lower": np.float64})
    forge(folder, name, table_bytes(columns | {"lower": columns["lower"] * 3}))
    with pytest.raises(eb.UntrustworthyError, match="a certificate excludes errors up to"):
        verify(folder, Affine())


def test_rows_in_another_order_are_noticed(folder: Path) -> None:
    columns = {name: values[::-1] for name, values in read_table(folder / PGD, ATTACK_COLUMNS).items()}
    forge(folder, PGD, table_bytes(columns))
    with pytest.raises(eb.UntrustworthyError, match="samples stand in another order"):
        verify(folder, Affine())


def examples(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]], name: str = FGSM) -> None:
    name = examples_name(name)
    forge(folder, name, save(change(load_file(folder / name))))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda found: {"ids": found["ids"][1:], "x": found["x"][1:]}, "successes and stored examples do not match"),
        (
            lambda found: {"ids": np.append(found["ids"], 0), "x": np.concatenate([found["x"], found["x"][:1]])},
            "do not match",
        ),
        (lambda found: {"ids": found["ids"][::-1], "x": found["x"][::-1]}, "do not match"),
        (lambda found: {"ids": found["ids"], "x": found["x"][:-1]}, "examples have shape"),
        (lambda found: {"ids": found["ids"], "x": found["x"].astype(np.float64)}, "type float64"),
        (lambda found: {"ids": found["ids"], "x": found["x"] + np.float32(0.9)}, "outside the box"),
        (lambda found: {"ids": found["ids"], "x": found["x"] + np.float32(0.001)}, "distance is"),
        (lambda found: {"ids": found["ids"], "x": np.float32(0.5) + 0 * found["x"]}, "distance is"),
    ],
)
def test_examples_that_do_not_fit_are_noticed(
    change: Callable[[dict[str, Any]], dict[str, Any]], sentence: str, folder: Path
) -> None:
    examples(folder, change)
    with pytest.raises(eb.UntrustworthyError, match=sentence):
        verify(folder, Affine())


def test_an_example_that_is_no_error_is_noticed_even_if_its_row_agrees(folder: Path) -> None:
    x, _ = samples()
    name = "attacks/03-deepfool/00000.parquet"
    columns = read_table(folder / name, ATTACK_COLUMNS)
    shift = 1e-3 * np.float32(1)
    clean = x[columns["id"]].numpy()
    step = clean.copy()
    step.reshape(len(clean), -1)[:, 0] += shift * (columns["id"] == columns["id"][-1])
    examples(folder, lambda found: {"ids": found["ids"], "x": np.concatenate([found["x"][:-1], step[-1:]])}, name)
    moved = float(np.abs(step[-1].astype(np.float64) - clean[-1]).max())
    columns["distance"][-1], columns["relative"][-1] = moved, moved / float(clean[-1].max())
    forge(folder, name, table_bytes(columns))
    with pytest.raises(eb.UntrustworthyError, match="classifies the example correctly, it is no error"):
        verify(folder, Affine())


def test_a_success_beyond_the_budget_is_noticed(folder: Path) -> None:
    manifest = contents(folder)
    manifest["plan"]["threat"]["eps"] = EPS / 2
    seal(folder, manifest)
    with pytest.raises(eb.UntrustworthyError, match=r"distance exceeds ε = 0\.0075"):
        verify(folder, Affine())


@pytest.mark.parametrize("name", ["samples.parquet", FGSM, examples_name(FGSM), "inputs.safetensors"])
def test_any_other_byte_is_noticed(name: str, folder: Path) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(eb.UntrustworthyError, match=f"{name} is not as it was written"):
        verify(folder, Affine())


def test_a_missing_and_an_unlisted_file_are_noticed(folder: Path) -> None:
    (folder / FGSM).unlink()
    shutil.copy(folder / PGD, folder / "attacks" / "02-pgd" / "00009.parquet")
    with pytest.raises(eb.UntrustworthyError, match=f"{FGSM} is missing; attacks/02-pgd/00009.parquet is not listed"):
        verify(folder, Affine())


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run["findings"].clear(),
        lambda run: run["plan"].update(seed=7),
        lambda run: run["seconds"].clear(),
        lambda run: run.update(digest=""),
    ],
)
def test_an_altered_manifest_is_noticed(change: Callable[[dict[str, Any]], Any], folder: Path) -> None:
    manifest = contents(folder)
    change(manifest)
    (folder / "run.json").write_bytes(json_bytes(manifest))
    with pytest.raises(eb.UntrustworthyError, match=r"run\.json is not as it was written"):
        verify(folder, Affine())


@pytest.mark.parametrize("name", ["samples.parquet", "inputs.safetensors"])
def test_a_file_cannot_be_struck_off_the_list(name: str, folder: Path) -> None:
    manifest = contents(folder)
    del manifest["files"][name]
    seal(folder, manifest)
    with pytest.raises(eb.UntrustworthyError, match=rf"run\.json does not list {name}"):
        verify(folder, Affine())


def test_other_inputs_are_noticed(folder: Path) -> None:
    arrays = load_file(folder / "inputs.safetensors")
    x, y = samples()
    with pytest.raises(eb.UntrustworthyError, match="not hold the inputs and labels handed in"):
        verify(folder, Affine(), (x, (y + 1) % 4))
    forge(folder, "inputs.safetensors", save(arrays | {"x": arrays["x"] + np.float32(1e-6)}))
    with pytest.raises(eb.UntrustworthyError, match="their fingerprint differs"):
        verify(folder, Affine())
    forge(folder, "inputs.safetensors", save(arrays | {"ids": arrays["ids"] * 0}))
    with pytest.raises(eb.UntrustworthyError, match="60 labels and 1 ids"):
        verify(folder, Affine())


def test_another_model_is_noticed(folder: Path) -> None:
    with pytest.raises(eb.UntrustworthyError, match="it is another model"):
        verify(folder, Affine(seed=1))
    with pytest.raises(eb.InputError, match=r"made with a live model.*model=net in Python"):
        verify(folder)


def test_verified_is_a_value(honest: Path) -> None:
    verified = verify(honest, Affine())
    with pytest.raises(dataclasses.FrozenInstanceError):
        verified.successes = 0  # type: ignore[misc] # the point of the test
