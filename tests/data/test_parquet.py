"""Parquet files of encoded pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epsball.data.load import load_data
from epsball.data.parquet import read_parquet
from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Array = np.ndarray[Any, Any]


@pytest.fixture
def encoded(png: Callable[..., bytes], digits: Array) -> list[bytes]:
    return [png(pixels) for pixels in digits]


def write(path: Path, columns: dict[str, Any], group: int = 5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


@pytest.mark.parametrize("column", ["image", "img"])
@pytest.mark.parametrize("form", ["bytes", "struct", "large"])
def test_every_form_of_the_column_is_read(
    tmp_path: Path, encoded: list[bytes], digits: Array, column: str, form: str
) -> None:
    images: Any = encoded
    if form == "struct":
        images = [{"bytes": content, "path": f"{i}.png"} for i, content in enumerate(encoded)]
    elif form == "large":
        images = pa.array(encoded, pa.large_binary())
    path = write(tmp_path / "some.parquet", {column: images, "label": np.arange(12) % 5})
    x, y = load_data(str(path))
    assert np.array_equal((x.numpy()[:, 0] * 255).round().astype(np.uint8), digits)
    assert y.tolist() == [i % 5 for i in range(12)]


def test_rows_are_found_across_files_and_row_groups_in_any_order(
    tmp_path: Path, encoded: list[bytes], digits: Array
) -> None:
    files = [
        write(tmp_path / f"{part}.parquet", {"image": encoded[rows], "label": np.arange(12)[rows]}, group=2)
        for part, rows in enumerate((slice(0, 7), slice(7, 12)))
    ]
    rows = np.array([11, 0, 6, 7, 0, 3])
    source = read_parquet(files)
    assert source.labels.tolist() == list(range(12))
    assert np.array_equal(source.images(rows)[:, 0], digits[rows])


def test_only_the_rows_asked_for_are_decoded(tmp_path: Path, encoded: list[bytes]) -> None:
    path = write(tmp_path / "some.parquet", {"image": [*encoded[:3], b"broken"], "label": [0, 1, 0, 1]})
    assert load_data(str(path), n=3)[0].shape == (3, 1, 5, 4)
    with pytest.raises(InputError, match=r"row 3 of .* is no picture"):
        load_data(str(path))


@pytest.mark.parametrize(
    "names", [("train.parquet", "test.parquet"), ("train-00000-of-1.parquet", "test-00000-of-1.parquet")]
)
def test_a_folder_has_splits_by_the_names_of_its_files(
    tmp_path: Path, encoded: list[bytes], names: tuple[str, str]
) -> None:
    for name, label in zip(names, (1, 2), strict=True):
        write(tmp_path / name, {"image": encoded[:2], "label": [label, label]})
    assert load_data(str(tmp_path), "train")[1].tolist() == [1, 1]
    assert load_data(str(tmp_path), "test")[1].tolist() == [2, 2]


def test_a_folder_without_splits_is_read_whole(tmp_path: Path, encoded: list[bytes]) -> None:
    for part in range(2):
        write(tmp_path / f"part-{part}.parquet", {"image": encoded[:2], "label": [part, part]})
    assert load_data(str(tmp_path), "test")[1].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"picture": [b"x"], "label": [0]}, "columns picture, label, expected 'image' or 'img'"),
        ({"image": [b"x"], "target": [0]}, "columns image, target"),
        ({"image": [[1, 2]], "label": [0]}, "of type list"),
        ({"image": [None], "label": [0]}, "of type null"),
        ({"image": pa.array([None], pa.binary()), "label": [0]}, "row 0 of .* has no picture"),
        ({"image": [b"x"], "label": [0.5]}, r"type float64, .* astype\(int\)"),
        ({"image": [b"x"], "label": ["cat"]}, "texts such as 'cat'; .* number the classes"),
        ({"image": [b"x", b"y"], "label": [None, 1]}, "1 rows without a label"),
        ({"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())}, "no rows"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, columns: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_data(str(write(tmp_path / "some.parquet", columns)))


@pytest.mark.parametrize("fraction", [0, 0.5, 0.99])
def test_a_truncated_file_is_said_to_be_so(tmp_path: Path, encoded: list[bytes], fraction: float) -> None:
    path = write(tmp_path / "some.parquet", {"image": encoded, "label": np.arange(12)})
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(InputError, match="truncated or no Parquet file"):
        load_data(str(path))


def test_damage_inside_a_file_is_said(tmp_path: Path, encoded: list[bytes]) -> None:
    path = write(tmp_path / "some.parquet", {"image": encoded, "label": np.arange(12)})
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"truncated or damaged"):
        load_data(str(path))
