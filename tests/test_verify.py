"""Verification: one altered value in any column, in any file, is noticed; an honest run passes."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import epsball as eb
from epsball.evaluate import evaluate
from epsball.record import read_examples, read_run
from epsball.record.evaluation import ATTACK_COLUMNS, SAMPLE_COLUMNS
from epsball.record.files import array_bytes, json_bytes, read_arrays, read_table, sha256, table_bytes
from epsball.record.folder import digest
from epsball.verify import verify
from toy import EPS, SUITE, Affine, Interrupted, Jittery, exact_radius, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

DEEPFOOL = "attacks/03-deepfool/00001.parquet"
FGSM = "attacks/01-fgsm/00000.parquet"
PGD = "attacks/02-pgd/00000.parquet"


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "honest"
    toy_run(path, certifiers=[exact_radius(0.5)])
    return path


@pytest.fixture
def folder(honest: Path, tmp_path: Path) -> Path:
    return shutil.copytree(honest, tmp_path / "run")


def forge(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and make the manifest agree, as a careful forger would."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "run.json").read_text())
    manifest["parts"][name]["sha256"] = sha256(content)
    seal(folder, manifest)


def seal(folder: Path, manifest: dict[str, Any]) -> None:
    manifest["digest"] = digest(manifest)
    (folder / "run.json").write_bytes(json_bytes(manifest))


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
    held = verify(honest, Affine())
    assert held.samples == len(run)
    assert held.hits == sum(int(rows.success.sum()) for rows in run.attacks.values()) > 60
    assert held.complete
    assert held.passes == 1
    assert held.findings == ()
    assert verify(honest, Affine(), samples()) == held


@pytest.mark.parametrize("column", ATTACK_COLUMNS)
@pytest.mark.parametrize(("name", "row"), [(DEEPFOOL, 0), (FGSM, "hit"), (FGSM, "miss"), (PGD, -1)])
def test_one_altered_value_of_an_attack_is_noticed(column: str, name: str, row: int | str, folder: Path) -> None:
    columns = read_table(folder / name, ATTACK_COLUMNS)
    if isinstance(row, str):
        row = int(np.flatnonzero(columns["success"] == (row == "hit"))[0])
    forge(folder, name, table_bytes(columns | {column: alter(columns[column], row)}))
    with pytest.raises(eb.UntrustworthyError, match="does not hold what it claims"):
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
    with pytest.raises(eb.UntrustworthyError, match="does not hold"):
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


def hits(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]], name: str = FGSM) -> None:
    name = name.replace(".parquet", ".safetensors")
    forge(folder, name, array_bytes(change(read_arrays(folder / name, ("ids", "x")))))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda hit: {"ids": hit["ids"][1:], "x": hit["x"][1:]}, "hits and stored examples do not match"),
        (lambda hit: {"ids": np.append(hit["ids"], 0), "x": np.concatenate([hit["x"], hit["x"][:1]])}, "do not match"),
        (lambda hit: {"ids": hit["ids"][::-1], "x": hit["x"][::-1]}, "do not match"),
        (lambda hit: {"ids": hit["ids"], "x": hit["x"][:-1]}, "examples have shape"),
        (lambda hit: {"ids": hit["ids"], "x": hit["x"].astype(np.float64)}, "type float64"),
        (lambda hit: {"ids": hit["ids"], "x": hit["x"] + np.float32(0.9)}, "outside the box"),
        (lambda hit: {"ids": hit["ids"], "x": hit["x"] + np.float32(0.001)}, "distance is"),
        (lambda hit: {"ids": hit["ids"], "x": np.float32(0.5) + 0 * hit["x"]}, "distance is"),
    ],
)
def test_examples_that_do_not_fit_are_noticed(
    change: Callable[[dict[str, Any]], dict[str, Any]], sentence: str, folder: Path
) -> None:
    hits(folder, change)
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
    hits(folder, lambda hit: {"ids": hit["ids"], "x": np.concatenate([hit["x"][:-1], step[-1:]])}, name)
    moved = float(np.abs(step[-1].astype(np.float64) - clean[-1]).max())
    columns["distance"][-1], columns["relative"][-1] = moved, moved / float(clean[-1].max())
    forge(folder, name, table_bytes(columns))
    with pytest.raises(eb.UntrustworthyError, match="classifies the example correctly, it is no error"):
        verify(folder, Affine())


def test_a_hit_beyond_the_budget_is_noticed(folder: Path) -> None:
    manifest = json.loads((folder / "run.json").read_text())
    manifest["spec"]["threat"]["eps"] = EPS / 2
    seal(folder, manifest)
    with pytest.raises(eb.UntrustworthyError, match=r"distance exceeds ε = 0\.0075"):
        verify(folder, Affine())


@pytest.mark.parametrize(
    "name", ["samples.parquet", FGSM, FGSM.replace("parquet", "safetensors"), "inputs.safetensors"]
)
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
        lambda run: run["spec"].update(seed=7),
        lambda run: run["seconds"].clear(),
        lambda run: run.pop("digest"),
    ],
)
def test_an_altered_manifest_is_noticed(change: Callable[[dict[str, Any]], Any], folder: Path) -> None:
    manifest = json.loads((folder / "run.json").read_text())
    change(manifest)
    (folder / "run.json").write_bytes(json_bytes(manifest))
    with pytest.raises(eb.UntrustworthyError, match=r"run\.json is not as it was written"):
        verify(folder, Affine())


@pytest.mark.parametrize("name", ["samples.parquet", "inputs.safetensors"])
def test_a_file_cannot_be_struck_off_the_list(name: str, folder: Path) -> None:
    manifest = json.loads((folder / "run.json").read_text())
    del manifest["parts"][name]
    seal(folder, manifest)
    with pytest.raises(eb.UntrustworthyError, match=rf"run\.json does not list {name}"):
        verify(folder, Affine())


def test_other_inputs_are_noticed(folder: Path) -> None:
    arrays = read_arrays(folder / "inputs.safetensors", ("x", "y", "ids"))
    x, y = samples()
    with pytest.raises(eb.UntrustworthyError, match="not hold the inputs and labels handed in"):
        verify(folder, Affine(), (x, (y + 1) % 4))
    forge(folder, "inputs.safetensors", array_bytes(arrays | {"x": arrays["x"] + np.float32(1e-6)}))
    with pytest.raises(eb.UntrustworthyError, match="their fingerprint differs"):
        verify(folder, Affine())
    forge(folder, "inputs.safetensors", array_bytes(arrays | {"ids": arrays["ids"] * 0}))
    with pytest.raises(eb.UntrustworthyError, match="60 labels and 1 ids"):
        verify(folder, Affine())


def test_another_model_is_noticed(folder: Path) -> None:
    with pytest.raises(eb.UntrustworthyError, match="it is another model"):
        verify(folder, Affine(seed=1))
    with pytest.raises(eb.InputError, match=r"made with a live model.* verify\(run_folder, model=net\)"):
        verify(folder)


def test_a_normalised_model_is_known_by_its_normalisation(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))
    toy_run(tmp_path, model=eb.wrap(net, mean=0.5, std=0.25))
    assert verify(tmp_path, net).samples == 60
    with pytest.raises(eb.UntrustworthyError, match="it is another model"):
        verify(tmp_path, eb.wrap(net, mean=0.5, std=0.5))


def test_a_model_with_a_name_is_loaded_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.py").write_text("import toy\n\ndef make():\n    return toy.Affine()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    toy_run(tmp_path / "run", model=eb.load_model(f"{tmp_path}/net.py:make"))
    assert verify(tmp_path / "run").hits > 0


def test_a_network_of_the_zoo_is_loaded_in_its_shape(tmp_path: Path) -> None:
    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    model = eb.load_model("zoo:mlp-512", shape=(1, 8, 8), classes=3)
    with torch.no_grad():
        y = model(x).argmax(1)
    evaluate(model, (x, y), eb.Threat("linf", 0.05), {"fgsm": eb.FGSM()}, out=tmp_path)
    assert verify(tmp_path).samples == 8


def test_an_unfinished_run_is_checked_as_far_as_it_goes(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, progress=Interrupted(9))
    held = verify(tmp_path, Affine())
    assert not held.complete
    assert held.hits == sum(int(rows.success.sum()) for rows in read_run(tmp_path).attacks.values()) > 0
    columns = read_table(tmp_path / FGSM, ATTACK_COLUMNS)
    forge(tmp_path, FGSM, table_bytes(columns | {"distance": alter(columns["distance"], 0)}))
    with pytest.raises(eb.UntrustworthyError, match="distance is"):
        verify(tmp_path, Affine())


def test_a_random_model_shows_its_spread(tmp_path: Path) -> None:
    torch.manual_seed(3)
    toy_run(tmp_path, model=Jittery())
    held = verify(tmp_path, Jittery(), passes=200)
    assert held.passes == 200
    assert [(finding.id, finding.severity) for finding in held.findings] == [("D22", "WARN")]
    assert "of 200 passes" in held.findings[0].evidence
    assert verify(tmp_path, Jittery()).passes == 20


@pytest.mark.parametrize("norm", ["l2", "l1", "l0"])
def test_every_norm_is_measured_alike(norm: str, tmp_path: Path) -> None:
    suite = {name: attack for name, attack in SUITE.items() if norm in attack.norms}
    run = toy_run(tmp_path, threat=eb.Threat(norm, 3 if norm == "l0" else 0.1), suite=suite)
    assert verify(tmp_path, Affine()).hits > 10
    x, _ = samples()
    ids, examples = read_examples(tmp_path, "fgsm")
    shift = (torch.from_numpy(examples).double() - x[ids].double()).flatten(1)
    order = {"l2": 2, "l1": 1, "l0": 0}[norm]
    rows = run.attacks["fgsm"]
    assert rows.distance[rows.success] == pytest.approx(torch.linalg.vector_norm(shift, order, dim=1).numpy(), rel=1e-9)


def test_half_precision_is_asked_in_half_precision(tmp_path: Path) -> None:
    net = Affine().bfloat16()
    x = samples()[0].bfloat16()
    with torch.no_grad():
        y = net(x).argmax(1)
    run = evaluate(net, (x, y), eb.Threat("linf", 0.1), {"fgsm": eb.FGSM()}, out=tmp_path)
    assert run.spec["data"]["dtype"] == "bfloat16"
    assert verify(tmp_path, net).hits > 5


def test_verified_is_a_value(honest: Path) -> None:
    held = verify(honest, Affine())
    with pytest.raises(dataclasses.FrozenInstanceError):
        held.hits = 0  # type: ignore[misc] # the point of the test
