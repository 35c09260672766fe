"""Each check of a model fires on a model broken in that way, and on no honest one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.diagnostics import Preflight, preflight
from epsball.diagnostics.baseline import baseline
from epsball.diagnostics.batch_coupling import coupling
from toy import CLASSES, Affine, Jittery, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.record import Finding


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


class Winner(Affine):
    """Gives the largest logit alone, so that nothing is known of the class to head for."""

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        return logits * (logits == logits.amax(1, keepdim=True))


class Denormal(Affine):
    """Logits so small that their gradient has only a few digits."""

    def forward(self, x: Tensor) -> Tensor:
        return 1e-37 * super().forward(x)


class Saturated(Affine):
    """Sigmoids that are 1 for every label, and less for other classes."""

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        return (100 * (logits - logits.mean(1, keepdim=True)) + 12).sigmoid()


class CoupledAndQuantised(BatchMean):
    """Two faults; the gradient of the second is not looked at, since the first makes it meaningless."""

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


def context(net: Callable[[Tensor], Tensor], n: int = 80, wrong: int = 6) -> Preflight:
    x, y = samples(n, wrong=wrong)
    return Preflight(eb.wrap(net), x, y, clean=y.numpy(), classes=CLASSES)


def found(net: Callable[[Tensor], Tensor]) -> list[str]:
    torch.manual_seed(0)
    return [finding.id for finding in preflight(context(net))]


@pytest.mark.parametrize("make", [Affine, TrainedMode])
def test_an_honest_model_has_no_finding(make: Callable[[], nn.Module]) -> None:
    assert found(make()) == []
    assert found(make().double().float()) == []


def test_logits_that_saturate_the_plain_cross_entropy_are_a_warning() -> None:
    (only,) = preflight(context(Loud()))
    assert (only.id, only.severity) == ("D04", "WARN")
    assert "plain cross entropy" in only.message
    assert "softmax rounds to 0 and 1 in float32" in only.evidence


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (Jittery, "D02"),
        (BatchMean, "D03"),
        (OrderSensitive, "D03"),
        (Quantised, "D04"),
        (Winner, "D04"),
        (Denormal, "D04"),
        (Saturated, "D04"),
        (CoupledAndQuantised, "D03"),
        (Detached, "D54"),
    ],
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
    assert not list(coupling(logits, logits + 1e-4, logits[:3]))
    assert len(list(coupling(logits, logits + 5e-3, logits[:3]))) == 1
    assert len(list(coupling(logits, logits, logits[:3] - 5e-3))) == 1
    assert not list(coupling(logits, logits + 5e-3, logits[:3], accelerator=True))


def test_one_sample_is_enough_to_be_checked() -> None:
    assert preflight(context(Affine(), 1, wrong=0)) == []
    assert [finding.id for finding in preflight(context(Jittery(), 1, wrong=0))] == ["D02"]


def test_a_random_model_costs_six_passes_and_a_few_rows_and_its_batch_is_not_compared() -> None:
    passes = []

    def net(x: Tensor) -> Tensor:
        passes.append(len(x))
        answer: Tensor = Affine()(x) + torch.randn(len(x), 4)
        return answer

    assert found(net) == ["D02"]
    # the first to see whether memory suffices for gradients, the last whether it takes some itself, and whether it gives any
    assert passes == [64] * 6 + [4, 1]


def test_the_sentences_of_a_random_model() -> None:
    torch.manual_seed(0)
    finding = preflight(context(Jittery()))[0]
    assert (
        finding.message == "The model gives different answers to the same input, so a success may be a stochastic one"
    )
    assert re.fullmatch(
        r"5 passes over 64 samples: \d+ labels changed, normalised logits moved by up to [\d.]+ \(limit 0.0001\)",
        finding.evidence,
    )
    assert finding.remedy.endswith(
        "as the suite autoattack-rand does, or for any attack eb.eot(model), --estimate eot:20"
    )


LABEL = np.arange(200) % 5


def guessing(label: np.ndarray, predicted: np.ndarray, classes: int) -> list[Finding]:
    x = torch.zeros(len(label), 1)
    given = Preflight(eb.wrap(Affine()), x, torch.from_numpy(label), predicted.astype(np.int64), classes)
    return baseline(given)


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
    found = guessing(LABEL, predicted, 5)
    assert [(finding.id, finding.severity) for finding in found] == [("D16", "FAIL")] * bool(expected)
    assert all(expected in finding.evidence for finding in found)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_few_samples_that_are_all_right_are_no_guesswork(n: int) -> None:
    label = np.arange(n) % 2
    assert guessing(label, label, 2) == []


def test_noise_is_not_taken_for_a_shift() -> None:
    label = np.random.default_rng(0).integers(0, 10, 60)
    predicted = np.random.default_rng(1).integers(0, 10, 60)
    predicted[:6] = (label[:6] + 1) % 10
    predicted[6:8] = label[6:8]
    assert [finding.message for finding in guessing(label, predicted, 10)] == [
        "The model is hardly better than guessing, so its robustness says nothing"
    ]


def test_a_network_that_refuses_gradients_can_be_searched_by_scores() -> None:
    def net(x: Tensor) -> Tensor:
        answer: Tensor = Affine()(torch.from_numpy(x.numpy()).to(x))
        return answer

    run = toy_run(model=net, suite={"square": eb.Square(steps=2)})
    assert len(run.attacks["square"]) > 0
    assert "D54" not in {finding.id for finding in run.findings}


def test_shifted_labels_take_the_trust_away() -> None:
    x, y = samples(wrong=0)
    run = toy_run(data=(x, (y + 1) % 4), suite={"fgsm": eb.FGSM()})
    assert not run.trusted
    assert "D16" in {finding.id for finding in run.findings}


class RunsOnce(torch.autograd.Function):
    """Frees its memory in the backward pass, as compiled networks do."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.runs = 0
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        ctx.runs += 1
        if ctx.runs > 1:
            raise RuntimeError("trying to backward a second time")
        return gradients[0]


class Ends(RunsOnce):
    """Ends the program in its backward pass."""

    @staticmethod
    def backward(_ctx: Any, *_gradients: Tensor) -> Tensor:
        raise SystemExit(0)


def applied(function: type[torch.autograd.Function], x: Tensor) -> Tensor:
    return cast("Tensor", function.apply(x))  # type: ignore[no-untyped-call] # PyTorch does not annotate it


def test_a_backward_pass_that_runs_once_is_measured_as_well() -> None:
    assert found(lambda x: Affine()(applied(RunsOnce, x))) == []
    assert found(lambda x: Saturated()(applied(RunsOnce, x))) == ["D04"]


def test_a_backward_pass_that_ends_the_program_is_left_to_the_attacks() -> None:
    assert found(lambda x: Affine()(applied(Ends, x))) == []
    x, y = samples(8, 0)
    with pytest.raises(eb.ModelError, match="its backward pass raised SystemExit: 0; repair"):
        eb.evaluate(lambda x: Affine()(applied(Ends, x)), (x, y), eb.Threat("linf", 0.01), suite=[eb.FGSM()])
