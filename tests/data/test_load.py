"""Names and paths to data."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from epsball.data import SOURCES, Named, Source
from epsball.data.load import SPLITS, load_data
from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Array = np.ndarray[Any, Any]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, png: Callable[..., bytes], digits: Array) -> Path:
    """A folder of the user's own with two sets in it."""
    for name, label in (("mnist", 7), ("letters", 25)):
        (tmp_path / name).mkdir()
        table = {"image": [png(pixels) for pixels in digits], "label": [label] * 12}
        pq.write_table(pa.table(table), tmp_path / name / "test.parquet")
    monkeypatch.setenv("EPSBALL_DATA", str(tmp_path))
    return tmp_path


def test_a_folder_of_ones_own_comes_first(own: Path, digits: Array) -> None:
    x, y = load_data("mnist", n=3)
    assert y.tolist() == [7, 7, 7]
    assert np.array_equal((x.numpy()[:, 0] * 255).round(), digits[:3])
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
    assert load_data("letters")[1].tolist() == [25] * 12
    assert (own / "mnist").is_dir()


@pytest.mark.parametrize("name", ["mnist-5k", "digits"])
def test_it_comes_before_the_embedded_sets_too_where_it_has_them(own: Path, name: str) -> None:
    embedded = load_data(name, n=3)[1].tolist()
    assert embedded != [7, 7, 7]
    (own / "mnist").rename(own / name)
    assert load_data(name, n=3)[1].tolist() == [7, 7, 7]


def test_the_number_of_classes_of_a_known_set_is_checked(own: Path) -> None:
    (own / "letters").rename(own / "cifar10")
    with pytest.raises(InputError, match="labels from 25 to 25, expected 0 to 9"):
        load_data("cifar10")


def test_photographs_are_cut_to_224_and_keep_three_channels(own: Path, png: Callable[..., bytes]) -> None:
    (own / "imagenet-sample").mkdir()
    table = {"image": [png(np.full((300, 260 + i), 9 * i, np.uint8)) for i in range(3)], "label": [0, 999, 5]}
    pq.write_table(pa.table(table), own / "imagenet-sample" / "test.parquet")
    x, _ = load_data("imagenet-sample", n=2)
    assert x.shape == (2, 3, 224, 224)
    assert load_data("imagenet-sample", n=2, size=32)[0].shape == (2, 3, 32, 32)
    assert load_data("imagenet-sample", n=2, size=40, crop=32)[0].shape == (2, 3, 32, 32)
    with pytest.raises(InputError, match=r"no imagenet-sample/train.parquet; set EPSBALL_DATA"):
        load_data("imagenet-sample", "train")


def test_a_seed_chooses_other_rows_and_leaves_the_global_state(own: Path, digits: Array) -> None:
    before, legacy = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002 the state that must stay
    x, _ = load_data("mnist", n=4, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert str(np.random.get_state()) == legacy  # noqa: NPY002 the same
    assert torch.equal(x, load_data("mnist", n=8, seed=1)[0][:4])
    assert not torch.equal(x, load_data("mnist", n=4)[0])
    assert own.is_dir()
    assert len(digits) == 12


def test_offline_both_ways_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object, **__: object) -> object:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setenv("EPSBALL_DATA", str(tmp_path))
    for name in ("mnist", "cifar10"):
        with pytest.raises(
            InputError, match=rf"{name} is not here .*no network.*{tmp_path.name}\) .*{name}/test.parquet"
        ):
            load_data(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "mnsit",
            r"no data set 'mnsit'; did you mean 'mnist'\? expected one of cifar10, digits, imagenet-sample, mnist",
        ),
        ("cifar-10", "did you mean 'cifar10'"),
        (
            "weather",
            "no data set 'weather'; expected one of .*, mnist-5k, or a Parquet file or folder, an image folder, .*file.py:factory",
        ),
        ("data/digits.parquet", "no file or folder data/digits.parquet"),
        ("./mnist", "no file or folder ./mnist"),
        ("digits.npz", "no file or folder digits.npz"),
    ],
)
def test_an_unknown_name_is_answered_with_a_close_one(name: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_data(name)


def test_a_new_source_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch, digits: Array) -> None:
    monkeypatch.setattr(SOURCES, "_own", dict(SOURCES._own))  # noqa: SLF001 (so that nothing stays registered)
    SOURCES.add(
        "scribbles",
        Named("twelve of them", 3, lambda _split: Source(np.arange(12) % 3, lambda rows: digits[rows, None])),
    )
    x, y = load_data("scribbles", n=4)
    assert y.tolist() == [0, 1, 2, 0]
    assert np.array_equal((x.numpy()[:, 0] * 255).round(), digits[:4])
    with pytest.raises(InputError, match="did you mean 'scribbles'"):
        load_data("scribble")


def test_what_is_no_name_is_said() -> None:
    with pytest.raises(InputError, match="data was given as NoneType; expected a pair"):
        load_data(cast("Any", None))


def test_a_file_of_another_kind_and_another_split_are_said(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="of no known kind"):
        load_data(str(tmp_path / "data.csv"))
    with pytest.raises(InputError, match="no split 'validation'"):
        load_data("mnist", "validation")


def test_the_catalogue_says_what_each_set_is() -> None:
    assert set(SOURCES) == {"mnist-5k", "digits", "mnist", "cifar10", "imagenet-sample"}
    assert all(entry.description and entry.classes in (10, 1000) for entry in SOURCES.values())
    assert SPLITS == ("train", "test")
