"""What cannot be trained on, or measured with, is said at the door."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from epsball.errors import InputError, ModelError
from epsball.models.load import load_model
from epsball.training.fit import fit
from epsball.training.recipe import Recipe
from training.test_fit import SHORT, small, stripes


def wrong_data(what: str) -> tuple[Tensor, Tensor]:
    x, y = stripes()
    return {
        "lengths": (x[:-1], y),
        "empty": (x[:0], y[:0]),
        "bytes": ((x * 255).byte(), y),
        "floats": (x, y.float()),
        "labels": (x, y + 1),
        "negative": (x, y - 1),
        "column": (x, y[:, None]),
        "scalar": (x, y[0]),
        "nan": (x / 0, y),
    }[what]


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("lengths", r"x \(59, 1, 6, 6\) .* and y \(60,\)"),
        ("empty", r"x \(0, 1, 6, 6\)"),
        ("bytes", "torch.uint8"),
        ("floats", "y .60,. torch.float32"),
        ("labels", "run from 1 to 3 and the model has 3 classes"),
        ("negative", "run from -1"),
        ("column", r"y \(60, 1\)"),
        ("scalar", r"y \(\) torch.int64"),
        ("nan", "values that are NaN or infinite"),
    ],
)
@pytest.mark.parametrize("name", ["training", "validation"])
def test_data_that_cannot_be_trained_on_is_said(what: str, says: str, name: str) -> None:
    right, wrong = stripes(), wrong_data(what)
    with pytest.raises(InputError, match=f"the .*{name} set.*{says}"):
        fit(small(), wrong if name == "training" else right, SHORT, validation=wrong)


@pytest.mark.parametrize("seed", [-1, 10**30, np.int64(-3)])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    first, second, other = (
        fit(small(), stripes(), SHORT, seed=each, validation=stripes()).model.fingerprint() for each in (seed, seed, 0)
    )
    assert first == second != other
    assert load_model("zoo:linear", seed=seed).fingerprint() == load_model("zoo:linear", seed=seed).fingerprint()


def test_what_is_no_seed_is_said() -> None:
    with pytest.raises(InputError, match=r"the seed was given as 1\.5"):
        fit(small(), stripes(), SHORT, seed=1.5)  # type: ignore[arg-type] # on purpose


def test_one_class_teaches_nothing() -> None:
    x, y = stripes()
    with pytest.raises(InputError, match=r"the training set has the label 1 alone \(20 times\)"):
        fit(small(), (x[y == 1], y[y == 1]), SHORT)


def test_batch_normalisation_of_a_single_sample_names_the_batch_size() -> None:
    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    net(stripes()[0])
    with pytest.raises(
        ModelError, match="batch normalisation needs two samples at least while it trains: take a larger batch_size"
    ):
        fit(net, stripes(), Recipe(epochs=1, batch_size=1))


class BrokenOutsideOfTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = small()
        self.passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += self.training
        answer: Tensor = self.net(x)
        return answer if self.training or not self.passes else answer * torch.nan


@pytest.mark.parametrize("validated", [True, False])
def test_answers_that_are_not_finite_are_no_guesses(*, validated: bool) -> None:
    with pytest.raises(ModelError, match="answers 60 of 60 images with NaN in evaluation mode"):
        fit(BrokenOutsideOfTraining(), stripes(), SHORT, validation=stripes() if validated else None)
