"""NumPy's float64 images, for networks of single precision and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Iterator

X = np.random.default_rng(0).random((8, 1, 2, 2))
Y = np.arange(8) % 3
THREAT = eb.Threat("linf", 0.1)


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))


def batches() -> Iterator[Any]:
    yield from [(X[:4], Y[:4]), (X[4:], Y[4:])]


@pytest.mark.parametrize(
    "data",
    [
        lambda: (X, Y),
        lambda: [X, torch.from_numpy(Y)],
        lambda: list(batches()),
        batches,
        lambda: [{"image": X, "label": Y}],
    ],
    ids=["arrays", "list", "batches", "generator", "dictionaries"],
)
def test_arrays_of_double_precision_are_cast_for_a_network_of_single_precision(data: Any) -> None:
    expected = eb.evaluate(network(), (X.astype(np.float32), Y), THREAT, suite=[eb.FGSM()], anyway=True)
    run = eb.evaluate(network(), data(), THREAT, suite=[eb.FGSM()], anyway=True)
    assert run.plan.data.fingerprint == expected.plan.data.fingerprint
    assert X.dtype == np.float64


def test_arrays_of_half_precision_are_cast_too() -> None:
    half = X.astype(np.float16)
    expected = eb.evaluate(network(), (half.astype(np.float32), Y), THREAT, suite=[eb.FGSM()], anyway=True)
    run = eb.evaluate(network(), (half, Y), THREAT, suite=[eb.FGSM()], anyway=True)
    assert run.plan.data.fingerprint == expected.plan.data.fingerprint


def test_a_network_of_double_precision_gets_what_was_given() -> None:
    run = eb.evaluate(network().double(), (X, Y), THREAT, suite=[eb.FGSM()], anyway=True)
    given = eb.evaluate(network().double(), (torch.tensor(X), torch.tensor(Y)), THREAT, suite=[eb.FGSM()], anyway=True)
    assert run.plan.data.fingerprint == given.plan.data.fingerprint


def test_tensors_keep_their_type() -> None:
    with pytest.raises(eb.ModelError, match="its weights are float32: convert the inputs"):
        eb.evaluate(network(), (torch.tensor(X), torch.tensor(Y)), THREAT, suite=[eb.FGSM()])


def test_data_that_are_opened_by_themselves_are_of_single_precision_as_those_from_files_are() -> None:
    assert eb.load_data((X, Y))[0].dtype == torch.float32
    assert eb.load_data((torch.tensor(X), torch.tensor(Y)))[0].dtype == torch.float64
