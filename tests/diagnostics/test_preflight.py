"""Each check of a model fires on a model broken in that way, and on no honest one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.diagnostics import baseline, preflight
from epsball.diagnostics.preflight import batch_coupling
from toy import Affine, Jittery, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable


class BatchMean(Affine):
    """Subtracts the mean of the batch, as batch normalisation does in training mode."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


class OrderSensitive(Affine):
    """Adds to every row something of its neighbour."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0.1 * super().forward(x.roll(1, 0))


class Quantised(Affine):
    """Rounds its input, so that its gradient is zero."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward((x * 255).round() / 255)


class Detached(Affine):
    """Loses the gradient altogether."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.detach())


class Loud(Affine):
    """Logits a thousand times too large: the softmax saturates, but the gradient of the logits lives."""

    def forward(self, x: Tensor) -> Tensor:
        return 1000 * super().forward(x)


class TrainedMode(nn.Module):
    """Honest: batch normalisation and dropout, both silent once the model is put into evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5), Affine())

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.parts(x)
        return answer


def found(net: Callable[[Tensor], Tensor]) -> list[str]:
    torch.manual_seed(0)
    x, y = samples(80)
    return [finding.id for finding in preflight(eb.wrap(net), x, y)]


@pytest.mark.parametrize("make", [Affine, Detached, Loud, TrainedMode])
def test_an_honest_model_raises_no_doubt(make: Callable[[], nn.Module]) -> None:
    assert found(make()) == []
    assert found(make().double().float()) == []


@pytest.mark.parametrize(
    ("make", "expected"),
    [(Jittery, "D02"), (BatchMean, "D03"), (OrderSensitive, "D03"), (Quantised, "D04")],
)
def test_a_broken_model_is_named_for_what_is_broken(make: Callable[[], nn.Module], expected: str) -> None:
    assert found(make()) == [expected]


@pytest.mark.parametrize("make", [Jittery, BatchMean, Quantised])
def test_a_broken_model_is_not_trusted(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    run = toy_run(model=make(), suite={"fgsm": eb.FGSM()})
    assert not run.trusted
    assert run.findings[0].severity == "FAIL"


def test_a_little_noise_is_random_too() -> None:
    assert found(lambda x: Affine()(x) + 1e-3 * torch.randn(len(x), 4)) == ["D02"]
    assert found(lambda x: Affine()(x) + 1e-8 * torch.randn(len(x), 4)) == []


def test_rounding_differences_are_no_coupling() -> None:
    logits = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    assert batch_coupling(logits, logits + 1e-4, logits[:3]) is None
    assert batch_coupling(logits, logits + 5e-3, logits[:3]) is not None
    assert batch_coupling(logits, logits, logits[:3] - 5e-3) is not None
    assert batch_coupling(logits, logits + 5e-3, logits[:3], accelerator=True) is None


def test_one_sample_is_enough_to_be_checked() -> None:
    x, y = samples(1, wrong=0)
    assert preflight(eb.wrap(Affine()), x, y) == []
    assert [finding.id for finding in preflight(eb.wrap(Jittery()), x, y)] == ["D02"]


LABEL = np.arange(200) % 5


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        (LABEL, ""),
        (np.where(np.arange(200) < 80, LABEL, (LABEL + 1) % 5), "shifted"),
        ((LABEL + 1) % 5, "with labels shifted by +1 100.0%"),
        ((LABEL - 1) % 5, "with labels shifted by -1 100.0%"),
        (np.zeros(200, np.int64), "guessing among 5 classes gives 20.0%"),
        (np.where(np.arange(200) < 80, LABEL, (LABEL + 2) % 5), ""),
    ],
)
def test_the_baseline_beats_guessing_and_its_neighbours(predicted: np.ndarray, expected: str) -> None:
    doubt = baseline(LABEL, predicted.astype(np.int64), 5)
    if not expected:
        assert doubt is None
    else:
        assert doubt is not None
        assert doubt.id == "D16"
        assert doubt.severity == "FAIL"
        assert expected in doubt.evidence


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_few_samples_that_are_all_right_are_no_guesswork(n: int) -> None:
    label = np.arange(n) % 2
    assert baseline(label, label, 2) is None


def test_shifted_labels_take_the_trust_away() -> None:
    x, y = samples(wrong=0)
    run = toy_run(data=(x, (y + 1) % 4), suite={"fgsm": eb.FGSM()})
    assert not run.trusted
    assert "D16" in {finding.id for finding in run.findings}
