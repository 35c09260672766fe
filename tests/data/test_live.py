"""Data of a function in a file, and data as they are, by the same two functions as named ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import epsball as eb
from epsball.data import batches
from epsball.models import inputs

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset
import epsball as eb
from classes_of_the_set import CLASSES

x, y = torch.rand(9, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(9) % CLASSES

def pair():
    return x, y.numpy()

def data_set():
    return TensorDataset(x, y)

def loader():
    return DataLoader(TensorDataset(x, y), 4, shuffle=True)

def batches():
    return ({"image": x[at : at + 2], "label": y[at : at + 2]} for at in range(0, 9, 2))

def opened():
    return eb.open_data((x, y))

def drawn():
    return torch.rand(5, 3, 4, 4), torch.zeros(5, dtype=torch.int64)

def eight_bit():
    return (x * 255).round().byte(), y

def wrong():
    return "mnist"

def one_hot():
    return x, torch.eye(9)

def raises():
    raise RuntimeError("no such disk")

ready = TensorDataset(x, y)
"""
X = torch.rand(9, 3, 4, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(9) % 3


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "classes_of_the_set.py").write_text("CLASSES = 3\n", encoding="utf-8")
    (tmp_path / "sets.py").write_text(FILE, encoding="utf-8")
    return str(tmp_path / "sets.py")


@pytest.mark.parametrize("name", ["pair", "data_set", "loader", "batches", "opened", "ready"])
def test_a_factory_gives_data_of_every_kind(file: str, name: str) -> None:
    x, y = eb.load_data(f"{file}:{name}")
    assert torch.equal(x, X)
    assert torch.equal(y, Y)
    opened = eb.open_data(f"{file}:{name}", n=4)
    assert (len(opened), opened.whole) == (4, True)
    assert torch.equal(opened[3][0], X[3])


@pytest.mark.parametrize("data", [(X, Y), TensorDataset(X, Y), DataLoader(TensorDataset(X, Y), 2), [(X, Y.numpy())]])
def test_live_data_go_the_same_way(data: Any) -> None:
    opened = eb.open_data(data)
    assert torch.equal(eb.load_data(data, n=5)[0], X[:5])
    assert torch.equal(torch.stack([opened[at][0] for at in range(9)]), X)


def test_it_draws_the_same_numbers_each_time_and_leaves_the_global_state(file: str) -> None:
    before = torch.get_rng_state()
    one, other = eb.load_data(f"{file}:drawn"), eb.load_data(f"{file}:drawn")
    assert torch.equal(one[0], other[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_larger_than_memory_is_read_part_by_part(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "HELD", 100)
    monkeypatch.setattr(inputs, "_PART_NUMBERS", 2 * 48)
    opened = eb.open_data(f"{file}:data_set")
    assert torch.equal(opened.labels, Y)
    assert torch.equal(torch.stack([opened[at][0] for at in range(9)]), X)
    run, same = (
        eb.evaluate(lambda x: x.mean((2, 3)), data, eb.Threat("linf", 0.01), suite=[eb.FGSM()], anyway=True)
        for data in (opened, (X, Y))
    )
    assert run.plan.data.fingerprint == same.plan.data.fingerprint
    assert np.array_equal(run.upper, same.upper)


def test_pixels_of_eight_bits_become_fractions_and_that_is_said(file: str) -> None:
    pixels = (X * 255).round().byte()
    expected = pixels.float() / 255
    with pytest.warns(eb.errors.EightBitWarning, match="0 to 255, and are divided by 255"):
        assert torch.equal(eb.load_data(f"{file}:eight_bit")[0], expected)
    for data in ((pixels, Y), (pixels.numpy(), Y), TensorDataset(pixels, Y), DataLoader(TensorDataset(pixels, Y), 4)):
        with pytest.warns(eb.errors.EightBitWarning):
            assert torch.equal(batches.gathered(data).x, expected)
    assert torch.equal(batches.gathered((pixels, Y), white=255).x, pixels.float())


def test_eight_bits_in_a_box_of_their_own_stay_as_they_are() -> None:
    pixels = (X * 255).round().byte()

    def model(x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))

    threat = eb.Threat("linf", 8, low=0, high=255)
    run = eb.evaluate(model, (pixels, Y), threat, suite=[eb.FGSM()], anyway=True)
    same = eb.evaluate(model, (pixels.float(), Y), threat, suite=[eb.FGSM()], anyway=True)
    assert np.array_equal(run.upper, same.upper)
    with pytest.raises(eb.InputError, match="have type uint8"):
        eb.evaluate(model, (pixels, Y), eb.Threat("linf", 0.1, low=-1, high=1), suite=[eb.FGSM()])
    with pytest.raises(eb.InputError, match=r"pixels from 0 to 255: divide them by 255, x / 255"):
        eb.evaluate(model, (pixels.float(), Y), eb.Threat("linf", 0.1), suite=[eb.FGSM()])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("wrong", r"sets\.py:wrong: data was given as str; expected a pair"),
        ("one_hot", r"sets\.py:one_hot holds labels of shape \(9, 9\).*argmax"),
        ("raises", r"sets\.py:raises\(\) raised RuntimeError: no such disk"),
        ("pairs", r"sets\.py defines no 'pairs'; did you mean 'pair'"),
    ],
)
def test_what_a_factory_does_wrong_is_a_sentence(file: str, name: str, says: str) -> None:
    with pytest.raises(eb.InputError, match=says):
        eb.load_data(f"{file}:{name}")


def test_only_pictures_can_be_cut(file: str) -> None:
    with pytest.raises(eb.InputError, match=r"size or crop was given for .*:pair, whose images are arrays of one size"):
        eb.open_data(f"{file}:pair", size=224)
