"""Data sets of Hugging Face: live ones and folders of `save_to_disk`, whose columns are found by their features. Nothing is fetched."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import epsball as eb
from epsball.data import batches
from epsball.data.batches import gathered
from epsball.data.cut import Cut
from epsball.data.opened import Opened
from epsball.data.streamed import Streamed
from epsball.models import inputs

datasets = pytest.importorskip("datasets")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

N = 6
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
X = torch.from_numpy(PIXELS).permute(0, 3, 1, 2) / 255
Y = [0, 1, 2, 2, 1, 0]
NAMES = ["ant", "bee", "cat"]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object, **__: object) -> None:
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket.socket, "connect", no)
    monkeypatch.setattr(socket, "getaddrinfo", no)
    datasets.disable_progress_bars()


def made(encode: Callable[..., bytes], image: str = "image", label: str = "label", **more: Any) -> Any:
    features = {image: datasets.Image(), label: datasets.ClassLabel(names=NAMES), **{k: v[0] for k, v in more.items()}}
    content = {
        image: [{"bytes": encode(pixels), "path": None} for pixels in PIXELS],
        label: Y,
        **{k: v[1] for k, v in more.items()},
    }
    return datasets.Dataset.from_dict(content, features=datasets.Features(features))


@pytest.mark.parametrize(("image", "label"), [("image", "label"), ("img", "fine_label"), ("scan", "finding")])
def test_columns_are_found_by_their_features_and_classes_keep_their_names(
    png: Callable[..., bytes], image: str, label: str
) -> None:
    data = made(
        png, image, label, coarse=(datasets.Value("int64"), [7] * N), text=(datasets.Value("string"), ["a"] * N)
    )
    for given in (data, data.with_format("torch"), data.to_iterable_dataset()):
        found = gathered(given)
        assert torch.equal(found.x, X)
        assert torch.equal(found.y, torch.tensor(Y))
        assert found.class_names == tuple(NAMES)


def test_chosen_and_shuffled_rows_are_those_that_are_meant(png: Callable[..., bytes]) -> None:
    data = made(png).select([4, 1, 3])
    assert torch.equal(gathered(data).x, X[[4, 1, 3]])
    x, y = eb.load_data(made(png), n=2)
    assert torch.equal(x, X[:2])
    assert y.tolist() == Y[:2]
    assert len(eb.load_data(made(png).to_iterable_dataset(), n=2)[0]) == 2


def test_pictures_are_decoded_when_they_are_asked_for(
    png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = made(png).map(lambda row, at: {**row, "image": row["image"] if at else None}, with_indices=True)
    opened = eb.open_data(broken)
    assert isinstance(opened, Opened)
    assert len(opened) == N
    with pytest.raises(eb.InputError, match="row 0 of the Dataset has no picture"):
        opened[0]
    monkeypatch.setattr(batches, "HELD", 1)
    monkeypatch.setattr(inputs, "_PART_NUMBERS", 2 * 192)
    streamed = gathered(made(png))
    assert isinstance(streamed.x, Streamed)
    assert torch.equal(streamed.x[:], X)
    assert streamed.class_names == tuple(NAMES)


def test_a_run_is_that_of_the_same_arrays(png: Callable[..., bytes], tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    threat = eb.Threat("linf", 0.01)
    one = eb.evaluate(net, made(png), threat, suite="quick", anyway=True, out=tmp_path / "run")
    other = eb.evaluate(net, (X, torch.tensor(Y)), threat, suite="quick", anyway=True)
    assert one.class_names == eb.load_run(tmp_path / "run").class_names == tuple(NAMES)
    assert one.plan.data.fingerprint == other.plan.data.fingerprint
    assert np.array_equal(one.upper, other.upper)


def test_arrays_and_what_a_function_makes_of_rows_are_taken_as_they_are() -> None:
    features = datasets.Features(
        {"pixels": datasets.Value("string"), "x": datasets.Array3D((3, 8, 8), "float32"), "y": datasets.Value("int64")}
    )
    plain = datasets.Dataset.from_dict({"pixels": ["a"] * N, "x": X.numpy(), "y": Y}, features=features)
    assert torch.equal(gathered(plain).x, X)
    changed = plain.with_transform(lambda rows: {"x": [1 - torch.tensor(row) for row in rows["x"]], "y": rows["y"]})
    assert torch.equal(gathered(changed).x, 1 - X)
    assert torch.equal(gathered(DataLoader(plain.with_format("torch"), 4)).x, X)


def test_a_saved_folder_is_data_with_its_splits(png: Callable[..., bytes], tmp_path: Path) -> None:
    data = made(png)
    data.save_to_disk(tmp_path / "one")
    opened = eb.open_data(str(tmp_path / "one"))
    assert (opened.whole, opened.class_names) == (True, tuple(NAMES))
    assert torch.equal(opened.held()[0], X)
    divided = datasets.DatasetDict(train=data.select([0, 1]), validation=data.select([2]))
    divided.save_to_disk(tmp_path / "parts")
    for given in (str(tmp_path / "parts"), divided):
        assert torch.equal(eb.load_data(given, "validation")[0], X[2:3])
        assert not eb.open_data(given, "train").whole
        with pytest.raises(eb.InputError, match=r"there is no split 'test'; .*divided into train, validation"):
            eb.load_data(given)
        with pytest.raises(eb.InputError, match="did you mean 'validation'"):
            eb.load_data(given, "validaton")
    with pytest.raises(
        eb.InputError, match=r"divided into train, validation; give one of these, such as data\['train'\]"
    ):
        gathered(divided)


def test_a_damaged_folder_and_a_missing_package_are_sentences(
    png: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "one"
    made(png).save_to_disk(folder)
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    state["_data_files"] = [{"filename": "gone.arrow"}]
    (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(eb.InputError, match="cannot be read as a data set that save_to_disk wrote"):
        eb.load_data(str(folder))
    monkeypatch.setattr("epsball.data.hugging_face.find_spec", lambda _: None)
    with pytest.raises(eb.InputError, match=r'pip install "epsball\[datasets\]"'):
        eb.load_data(str(folder))


def test_damage_to_the_rows_of_a_folder_is_a_sentence(png: Callable[..., bytes], tmp_path: Path) -> None:
    made(png).save_to_disk(tmp_path / "one")
    file = next((tmp_path / "one").glob("*.arrow"))
    content = file.read_bytes()
    refused = 0
    for at in range(0, min(len(content), 2000), 200):
        file.write_bytes(content[:at] + b"\xff" * 4 + content[at + 4 :])
        try:
            eb.load_data(str(tmp_path / "one"))
        except eb.InputError:
            refused += 1
    assert refused > 2


def test_columns_that_are_not_there_or_not_plain_are_sentences(png: Callable[..., bytes]) -> None:
    with pytest.raises(eb.InputError, match=r"several columns of pictures, left, right, .*remove_columns"):
        eb.load_data(made(png, "left", right=(datasets.Image(), [{"bytes": png(PIXELS[0]), "path": None}] * N)))
    with pytest.raises(eb.InputError, match="several columns of labels, kind, sort"):
        eb.load_data(made(png, label="kind", sort=(datasets.ClassLabel(names=NAMES), Y)))
    assert eb.load_data(made(png, sort=(datasets.ClassLabel(names=["z"]), [0] * N)))[1].tolist() == Y
    texts = made(png).remove_columns("label").add_column("label", ["a"] * N)
    with pytest.raises(eb.InputError, match=r"none is of labels; .*data\.class_encode_column\('label'\)"):
        eb.load_data(texts)
    with pytest.raises(eb.InputError, match="streams rows and does not say of what"):
        eb.load_data(datasets.IterableDataset.from_generator(lambda: iter([{"image": 1}])))


def test_a_picture_that_is_kept_elsewhere_is_read_from_here_alone(png: Callable[..., bytes], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(PIXELS[0]))
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)})
    here = datasets.Dataset.from_dict({"image": [str(tmp_path / "a.png")], "label": [1]}, features=features)
    assert torch.equal(eb.load_data(here)[0], X[:1])
    away = datasets.Dataset.from_dict({"image": ["https://example.org/a.png"], "label": [1]}, features=features)
    with pytest.raises(eb.InputError, match=r"row 0 of the Dataset is kept elsewhere, .*where there is no file"):
        eb.load_data(away)


def test_photographs_of_any_size_are_cut(png: Callable[..., bytes]) -> None:
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)})
    sizes = [(20, 30), (40, 16), (16, 16)]
    pictures = [{"bytes": png(np.full((*size, 3), 9, np.uint8)), "path": None} for size in sizes]
    data = datasets.Dataset.from_dict({"image": pictures, "label": [0, 1, 2]}, features=features)
    with pytest.raises(
        eb.InputError, match=r"is 30x20 pixels and .* is 16x40, .*give --size 224 \(size=224 in Python\)"
    ):
        eb.load_data(data)
    opened = eb.open_data(data, size=10, crop=8)
    assert opened.cut == Cut(10, 8)
    assert opened.held()[0].shape == (3, 3, 8, 8)
