"""Random damage to whatever is read, and random words: the right thing or one sentence; no traceback, no hang, no code run."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet
from safetensors.torch import save
from typer.testing import CliRunner

import epsball as eb
from epsball.cli import app
from epsball.data.pictures import FORMATS, decode
from epsball.models.weights import read_weights
from epsball.record import read_run
from forgery import forge
from hostile.alterations import alter
from hostile.fuzzing import LENGTHS, damaged, fuzz
from hostile.test_records import SUITE, numbers_of_the_record
from toy import toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("no_waiting_for_the_disk"),
    pytest.mark.skipif(os.name != "posix", reason="a hang is ended by a signal"),
    pytest.mark.filterwarnings("ignore"),  # what libraries say of damaged files is not judged
]


def one_sentence(read: Callable[[], object]) -> bool:
    """Whether something was read; otherwise it must have been refused in a sentence."""
    refused = ""
    try:
        read()
    except (eb.InputError, eb.UntrustworthyError) as error:
        refused = str(error) or "nothing"
    assert refused != "nothing"
    assert len(refused) < 2000
    return not refused


@LENGTHS
def test_altered_records(times: int, tmp_path: Path) -> None:
    toy_run(tmp_path / "run", suite=SUITE, chunk_size=40)

    def law(seed: int) -> None:
        shutil.rmtree(tmp_path / "altered", ignore_errors=True)
        shutil.copytree(tmp_path / "run", tmp_path / "altered")
        alter(tmp_path / "altered", seed)
        one_sentence(lambda: numbers_of_the_record(tmp_path / "altered"))

    fuzz(law, st.integers(20_000, 2**40), 100 * times)


@LENGTHS
def test_damaged_records(times: int, tmp_path: Path) -> None:
    toy_run(tmp_path / "run", suite=SUITE, chunk_size=40)
    names = sorted(
        file.relative_to(tmp_path / "run").as_posix()
        for file in (tmp_path / "run").rglob("*.*")
        if file.suffix in {".parquet", ".safetensors"} and "02" not in file.parent.name
    )
    contents = {name: (tmp_path / "run" / name).read_bytes() for name in names}

    def law(one: tuple[str, bytes]) -> None:
        name, content = one
        shutil.rmtree(tmp_path / "altered", ignore_errors=True)
        shutil.copytree(tmp_path / "run", tmp_path / "altered")
        forge(tmp_path / "altered", name, content)
        one_sentence(lambda: numbers_of_the_record(tmp_path / "altered"))

    fuzz(
        law,
        st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), damaged([contents[name]]))),
        100 * times,
    )


@LENGTHS
def test_damaged_lists_of_contents(times: int, tmp_path: Path) -> None:
    toy_run(tmp_path, suite={"fgsm": eb.FGSM()}, chunk_size=64)
    whole = (tmp_path / "run.json").read_bytes()

    def law(content: bytes) -> None:
        (tmp_path / "run.json").write_bytes(content)
        assert not one_sentence(lambda: read_run(tmp_path)) or json.loads(content) == json.loads(whole)

    fuzz(law, damaged([whole]), 150 * times)


class Sprung:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, place: Path) -> None:
        self.place = str(place)

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.place, "w"))


@LENGTHS
def test_damaged_weights(times: int, tmp_path: Path) -> None:
    state = torch.nn.Linear(4, 3).state_dict()
    new, old = io.BytesIO(), io.BytesIO()
    torch.save({"state_dict": state, "epoch": 3}, new)
    torch.save(state, old, _use_new_zipfile_serialization=False)
    evil = pickle.dumps({"weight": Sprung(tmp_path / "sprung")})
    contents = [save(state, {"architecture": "zoo:linear"}), new.getvalue(), old.getvalue(), evil]

    def law(content: bytes) -> None:
        for ending in ("pt", "safetensors"):
            (tmp_path / f"w.{ending}").write_bytes(content)
            one_sentence(lambda ending=ending: read_weights(tmp_path / f"w.{ending}"))  # type: ignore[misc] # a default binds it
        one_sentence(lambda: eb.load_model(f"zoo:linear@{tmp_path}/w.pt"))
        assert not (tmp_path / "sprung").exists()

    fuzz(law, damaged(contents), 150 * times)


def pictures() -> list[bytes]:
    grey = np.random.default_rng(0).integers(0, 255, (9, 7), np.uint8)
    made = []
    for kind in FORMATS:
        for image in (Image.fromarray(grey), Image.fromarray(np.stack([grey] * 3, 2))):
            stream = io.BytesIO()
            image.save(stream, kind)
            made.append(stream.getvalue())
    return made


@LENGTHS
def test_damaged_pictures(times: int) -> None:
    def law(content: bytes) -> None:
        one_sentence(lambda: decode([("a picture", content)]))

    fuzz(law, damaged(pictures()), 300 * times)


@LENGTHS
def test_damaged_archives_and_tables(times: int, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((6, 1, 4, 4)).astype(np.float32)
    plain, packed, table = io.BytesIO(), io.BytesIO(), pa.BufferOutputStream()
    np.savez(plain, x=x, y=np.arange(6))
    np.savez_compressed(packed, x=x, y=np.arange(6))
    parquet.write_table(pa.table({"image": [pictures()[0]] * 4, "label": [0, 1, 2, 3]}), table)

    def law(one: tuple[str, bytes]) -> None:
        name, content = one
        (tmp_path / name).write_bytes(content)
        one_sentence(lambda: eb.load_data(str(tmp_path / name)))

    archives = st.tuples(st.just("a.npz"), damaged([plain.getvalue(), packed.getvalue()]))
    tables = st.tuples(st.just("a.parquet"), damaged([bytes(table.getvalue())]))
    fuzz(law, archives | tables, 200 * times)


NUMBER = st.sampled_from(
    ["0", "-1", "0.1", "8/255", "1/0", "nan", "inf", "1e400", "1e-400", "٣", "", "x", "0x10", "1_0", "9" * 400]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | NUMBER
OPTIONS: dict[str, Any] = {
    "--norm": st.sampled_from(["linf", "l2", "l1", "l0", "l7", "L2"]) | TEXT,
    "--eps": NUMBER | TEXT,
    "--suite": st.sampled_from(["fgsm", "quick", "fgsm,fgsm", ",", "no:Such", "a.py:B", "standard "]) | TEXT,
    "--n": NUMBER,
    "--split": st.sampled_from(["test", "train"]) | TEXT,
    "--gate": NUMBER,
    "--seed": NUMBER | st.integers().map(str),
    "--mean": NUMBER | st.lists(NUMBER, max_size=4).map(",".join),
    "--std": NUMBER | st.lists(NUMBER, max_size=4).map(",".join),
    "--outputs": st.sampled_from(["logits", "probs", "binary"]) | TEXT,
    "--device": st.sampled_from(["cpu", "auto", "meta", "cuda:99", "cpu:1"]) | TEXT,
    "--data": st.sampled_from(["a.npz", "nowhere", "/dev/zero", "/", "digits\0"]) | TEXT,
    "--json": st.none(),
    "--every-sample": st.none(),
}
STRANGE = ["zoo:", "zoo:x", "zoo:linear@", "zoo:linear@/dev/zero", "onnx:x", "a.py:b", "hub:"]
MODELS = st.sampled_from(["zoo:linear"] * 6 + STRANGE) | TEXT
WORDS = st.tuples(MODELS, st.fixed_dictionaries({}, optional=OPTIONS))


@LENGTHS
def test_arguments(times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).random((6, 1, 4, 4)).astype(np.float32)
    np.savez("a.npz", x=x, y=np.arange(6) % 3)
    runner = CliRunner()

    def law(one: tuple[str, dict[str, str | None]]) -> None:
        model, options = one
        given = {"--norm": "linf", "--eps": "0.1", "--data": "a.npz", "--suite": "fgsm", **options}
        words = [word for name, value in given.items() for word in (name, value) if word is not None]
        done = runner.invoke(app, ["evaluate", *words, "--", model])
        assert done.exit_code in range(4), (words, model)
        assert isinstance(done.exception, SystemExit | type(None)), (words, model, done.exception)
        assert "Traceback" not in done.output

    fuzz(law, WORDS, 100 * times)
