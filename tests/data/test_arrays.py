"""NumPy archives."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from epsball.data import arrays
from epsball.data.load import load_data, open_data
from epsball.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

Array = np.ndarray[Any, Any]


SAVERS = (np.savez, np.savez_compressed)


def save(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("x_test", "y_test")])
def test_names_in_use_are_known(tmp_path: Path, digits: Array, names: tuple[str, str]) -> None:
    x, y = load_data(save(tmp_path / "a.npz", **{names[0]: digits, names[1]: np.arange(12)}))
    assert x.shape == (12, 1, 5, 4)
    assert float(x[3, 0, 2, 1]) == np.float32(digits[3, 2, 1]) / np.float32(255)
    assert y.tolist() == list(range(12))


def test_an_archive_may_hold_both_splits(tmp_path: Path, digits: Array) -> None:
    path = save(
        tmp_path / "a.npz", x_train=digits, y_train=np.zeros(12, int), x_test=digits[:2], y_test=np.ones(2, int)
    )
    assert load_data(path, "train")[1].tolist() == [0] * 12
    assert load_data(path, "test")[1].tolist() == [1, 1]


@pytest.mark.parametrize("form", ["first", "last", "float", "double", "bool", "int"])
def test_layouts_and_types(tmp_path: Path, form: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 6, 5), dtype=np.uint8)
    given: Any = {
        "first": pixels,
        "last": pixels.transpose(0, 2, 3, 1),
        "float": pixels.astype(np.float32) / 255,
        "double": pixels / 255,
        "bool": pixels > 127,
        "int": pixels.astype(np.int64),
    }[form]
    x, _ = load_data(save(tmp_path / "a.npz", x=given, y=np.arange(4)))
    expected = (pixels > 127).astype(np.float32) if form == "bool" else pixels.astype(np.float32) / 255
    assert x.is_contiguous()
    np.testing.assert_allclose(x.numpy(), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"a": np.zeros(3)}, "holds a, expected x and y"),
        ({"x": np.zeros((2, 4)), "y": np.arange(2)}, r"shape \(2, 4\), expected \(N, C, H, W\)"),
        ({"x": np.zeros((3, 1, 2, 2)), "y": np.arange(2)}, "3 images and 2 labels"),
        ({"x": np.zeros((0, 1, 2, 2)), "y": np.zeros(0, int)}, "no rows"),
        ({"x": np.zeros((2, 1, 2, 2)), "y": np.zeros(2)}, "type float64"),
        ({"x": np.full((2, 1, 2, 2), -1.5), "y": np.arange(2)}, "before normalisation"),
        ({"x": np.full((2, 1, 2, 2), 255.0), "y": np.arange(2)}, "float64 pixels from 255.0 to 255.0"),
        ({"x": np.full((2, 1, 2, 2), np.nan), "y": np.arange(2)}, "holds NaN pixels in 2 of 2 images"),
        ({"x": np.ones((2, 1, 2, 2), int), "y": np.arange(2)}, "int64 pixels from 1 to 1"),
        ({"x": np.full((2, 1, 2, 2), 300), "y": np.arange(2)}, "from 300 to 300"),
        ({"x": np.array([{}]), "y": np.arange(1)}, "no archive of numeric arrays"),
        ({"x": np.float32(1), "y": np.arange(1)}, r"shape \(\)"),
        ({"x": np.zeros((2, 0, 4)), "y": np.arange(2)}, r"shape \(2, 0, 4\)"),
        ({"x": np.zeros((2, 1, 2, 2)), "y": np.full(2, 2**63, np.uint64)}, "labels from 9223372036854775808"),
        ({"x": np.zeros((2, 1, 2, 2)), "y": np.array([0, 2**40])}, "labels from 0 to 1099511627776"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, arrays: dict[str, Array], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_data(save(tmp_path / "a.npz", **arrays))


@pytest.mark.parametrize("fraction", [0, 0.3, 0.95])
def test_a_truncated_archive_is_said_to_be_so(tmp_path: Path, digits: Array, fraction: float) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=digits, y=np.arange(12))
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(InputError, match="truncated"):
        load_data(str(path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: np.where(x > 250, np.nan, x / 255), r"holds NaN pixels in \d+ of 12 images, the first in row 0"),
        (lambda x: np.where(x > 250, np.inf, x / 255), "holds infinite pixels"),
        (lambda x: x.astype(np.float32), "8-bit pixels as floats: divide them by 255"),
        (lambda x: x * 1.0 / 2, "8-bit pixels as floats"),
        (lambda x: x.astype(np.uint16) * 257, "such as 65535 for 16 bits"),
        (lambda x: x / 255 - 0.5, "save them before normalisation"),
        (lambda x: x.astype(str), "pixels of type <U3, expected numbers"),
    ],
)
def test_pixels_in_no_usual_range_are_told_their_true_cause(tmp_path: Path, change: Any, words: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (12, 20, 24)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x=change(x), y=np.arange(12) % 3)
    with pytest.raises(InputError, match=words):
        load_data(str(tmp_path / "a.npz"))


@pytest.mark.parametrize("kind", [np.uint8, np.int64, bool, np.float32])
def test_zeros_and_ones_are_black_and_white(tmp_path: Path, kind: Any) -> None:
    x = np.random.default_rng(0).integers(0, 2, (12, 5, 6)).astype(kind)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(12) % 3)
    found, _ = load_data(str(tmp_path / "a.npz"))
    assert set(found.flatten().tolist()) == {0, 1}


def test_transparency_is_dropped(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (12, 20, 24, 4)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(12) % 3)
    found, _ = load_data(str(tmp_path / "a.npz"))
    assert np.array_equal((found * 255).round().numpy(), x[..., :3].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("saver", SAVERS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_those_of_the_array_however_it_is_stored(tmp_path: Path, saver: Any, order: Any) -> None:
    x = np.asarray(np.random.default_rng(0).integers(0, 256, (12, 3, 6, 5), dtype=np.uint8), order=order)
    saver(tmp_path / "a.npz", other=x[:2], x=x, y=np.arange(12) % 3)
    found, y = load_data(str(tmp_path / "a.npz"), n=7, seed=3)
    rows = np.random.default_rng(3).permutation(12)[:7]
    assert np.array_equal((found * 255).round().numpy(), x[rows])
    assert y.tolist() == (rows % 3).tolist()


def test_an_array_that_is_not_compressed_is_read_a_part_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_AT_ONCE", 2**16)
    x = np.random.default_rng(0).integers(0, 256, (2000, 1, 64, 64), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(2000) % 3)
    tracemalloc.start()
    found = load_data(str(tmp_path / "a.npz"), n=5)[0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal((found * 255).round().numpy(), x[:5])
    assert peak < x.nbytes / 2


def test_bytes_that_changed_are_noticed_though_only_parts_are_read(tmp_path: Path, digits: Array) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=digits, y=np.arange(12))
    content = bytearray(path.read_bytes())
    content[content.index(digits.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="truncated or no archive"):
        load_data(str(path), n=1)


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path, digits: Array) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=digits, y=np.arange(12))
    opened = open_data(str(path))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="was cut short while it was read"):
        opened.held()
