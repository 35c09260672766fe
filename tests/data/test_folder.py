"""A folder with one subfolder a class."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from epsball.data.load import load_data
from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Array = np.ndarray[Any, Any]
PLAIN = np.zeros((8, 8), np.uint8)


def fill(folder: Path, classes: dict[str, list[bytes]]) -> Path:
    for name, contents in classes.items():
        (folder / name).mkdir(parents=True)
        for i, content in enumerate(contents):
            (folder / name / f"{i}.png").write_bytes(content)
    return folder


def test_subfolders_are_the_classes_in_the_order_of_their_names(
    tmp_path: Path, png: Callable[..., bytes], digits: Array
) -> None:
    fill(tmp_path, {"cat": [png(digits[0])], "ant": [png(digits[1]), png(digits[2])]})
    (tmp_path / "ant" / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    x, y = load_data(str(tmp_path))
    assert y.tolist() == [0, 0, 1]
    assert np.array_equal((x.numpy()[:, 0] * 255).round().astype(np.uint8), digits[[1, 2, 0]])


def test_numbered_classes_go_by_number(tmp_path: Path, png: Callable[..., bytes], digits: Array) -> None:
    fill(tmp_path, {str(k): [png(digits[k])] for k in range(12)})
    x, y = load_data(str(tmp_path))
    assert y.tolist() == list(range(12))
    assert np.array_equal((x.numpy()[:, 0] * 255).round().astype(np.uint8), digits)


@pytest.mark.parametrize(
    ("names", "filled"), [(["0", "2", "11"], [str(k) for k in range(12)]), (["00", "02"], ["00", "01", "02"])]
)
def test_whole_numbers_are_the_labels_also_where_one_is_missing(
    tmp_path: Path, png: Callable[..., bytes], names: list[str], filled: list[str]
) -> None:
    data = load_data(str(fill(tmp_path, {name: [png(PLAIN)] for name in names})))
    assert data[1].tolist() == [int(name) for name in names]
    assert data.class_names == tuple(filled)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["-1", "0"], "has the subfolder -1, .* expected 0 to 1,048,575"),
        (["0", "20240101"], "has the subfolder 20240101, .* expected 0 to"),
        (["0", "1", "01"], "subfolders 0?1 and 0?1, which are the same label"),
    ],
)
def test_numbers_that_are_no_labels_are_said(
    tmp_path: Path, png: Callable[..., bytes], names: list[str], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        load_data(str(fill(tmp_path, {name: [png(PLAIN)] for name in names})))


def test_an_empty_folder_is_a_class_and_one_of_other_things_is_not(tmp_path: Path, png: Callable[..., bytes]) -> None:
    fill(tmp_path, {"ant": [png(PLAIN)], "bee": [], "cat": [png(PLAIN)]})
    (tmp_path / "bee" / ".gitkeep").touch()
    data = load_data(str(tmp_path))
    assert (data[1].tolist(), data.class_names) == ([0, 2], ("ant", "bee", "cat"))
    (tmp_path / "bee" / "notes.txt").touch()
    with pytest.raises(InputError, match="no pictures in bee;"):
        load_data(str(tmp_path))


def test_the_first_rows_are_of_different_classes(tmp_path: Path, png: Callable[..., bytes], digits: Array) -> None:
    fill(tmp_path, {name: [png(digits[0])] * 4 for name in "abc"})
    assert load_data(str(tmp_path), n=6)[1].tolist() == [0, 1, 2, 0, 1, 2]


def test_splits_are_subfolders_where_there_are_any(tmp_path: Path, png: Callable[..., bytes], digits: Array) -> None:
    fill(tmp_path / "train", {"a": [png(digits[0])], "b": [png(digits[1])]})
    fill(tmp_path / "test", {"a": [png(digits[2])]})
    assert load_data(str(tmp_path), "train")[1].tolist() == [0, 1]
    assert load_data(str(tmp_path), "test")[1].tolist() == [0]


def test_pictures_of_different_sizes_can_be_cut_alike(tmp_path: Path, png: Callable[..., bytes]) -> None:
    fill(tmp_path, {"a": [png(np.zeros((9, 9), np.uint8))], "b": [png(np.zeros((9, 12), np.uint8))]})
    with pytest.raises(InputError, match=r"a/0.png is 9x9 pixels and .*b/0.png is 12x9"):
        load_data(str(tmp_path))
    assert load_data(str(tmp_path), size=8)[0].shape == (2, 1, 8, 8)


@pytest.mark.parametrize(("names", "says"), [([], "no subfolders"), (["a", "b"], "no pictures in a;")])
def test_a_folder_without_pictures_is_said(tmp_path: Path, names: list[str], says: str) -> None:
    fill(tmp_path, {name: [] for name in names})
    with pytest.raises(InputError, match=says):
        load_data(str(tmp_path))


def test_a_link_to_nowhere_is_said_and_not_passed_over(tmp_path: Path, png: Callable[..., bytes]) -> None:
    folder = fill(tmp_path, {"cat": [png(PLAIN), png(PLAIN)], "dog": [png(PLAIN)]})
    (folder / "cat" / "lost.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(InputError, match=r"lost\.png is a link to a file that is not there; fetch what it leads to"):
        load_data(str(folder))


def test_parts_of_a_set_are_not_taken_for_its_classes(tmp_path: Path, png: Callable[..., bytes]) -> None:
    for part in ("train", "val"):
        fill(tmp_path / part, {"cat": [png(PLAIN)], "dog": [png(PLAIN)], "eel": [png(PLAIN)]})
    with pytest.raises(InputError, match=r"the subfolders train, val, parts of a set rather than classes; give one of"):
        load_data(str(tmp_path))
    assert load_data(str(tmp_path / "val"))[1].tolist() == [0, 1, 2]


def test_classes_may_have_the_names_of_parts(tmp_path: Path, png: Callable[..., bytes]) -> None:
    """Where pictures lie in them directly, they are classes."""
    assert sorted(load_data(str(fill(tmp_path, {"dev": [png(PLAIN)], "val": [png(PLAIN)]})))[1].tolist()) == [0, 1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of Unix")
def test_a_pipe_that_is_called_a_picture_is_said(tmp_path: Path, png: Callable[..., bytes]) -> None:
    folder = fill(tmp_path, {"cat": [png(PLAIN)], "dog": [png(PLAIN)]})
    os.mkfifo(folder / "cat" / "x.png")
    with pytest.raises(InputError, match=r"x\.png is a pipe, a socket or a device; expected a file"):
        load_data(str(folder))
