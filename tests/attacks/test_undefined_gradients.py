"""Entries of a gradient that are NaN or infinite are taken as 0 and counted; without any other there is nothing to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb
from toy import Affine, samples

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle

N, PIXELS = 12, 16


def gamma(x: Tensor) -> Tensor:
    """Gamma decoding in front of the network: its slope is infinite at a black pixel."""
    answer: Tensor = Affine()(x**0.5)
    return answer


def everywhere(x: Tensor) -> Tensor:
    """Finite logits, whose gradient is 0 times infinity at every pixel."""
    answer: Tensor = Affine()(x + (x - x).abs().sqrt())
    return answer


def black_pixels() -> tuple[Tensor, Tensor]:
    x, _ = samples(N)
    x[:8, 0, 0, 0] = 0
    x[:4, 0, 0, 1] = 0
    return x, gamma(x).argmax(1)


def normalised(x: Tensor) -> Tensor:
    """Divides by the length, whose gradient is undefined at a black image."""
    length = x.square().sum((1, 2, 3), keepdim=True).sqrt()
    answer: Tensor = Affine()(x / (length + 1e-3))
    return answer


ATTACKS = [eb.FGSM(), eb.PGD(steps=10), eb.MomentumPGD(), eb.DeepFool(), eb.BinaryDeepFool(), eb.LBFGS()]


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: type(attack).__name__)
def test_the_other_entries_are_followed(attack: eb.Attack, norm: str) -> None:
    x, y = black_pixels()
    eps = {"linf": 0.1, "l2": 0.6, "l1": 3.0}[norm]
    found = attack(gamma, x, y, eb.Threat(norm) if attack.minimum_norm else eb.Threat(norm, eps))
    assert bool(found.success[:8].any())
    assert bool(found.distance[found.success].isfinite().all())
    assert not bool(found.blind.any())
    assert bool(found.success[8:].all())


def test_undefined_entries_are_counted_for_each_sample() -> None:
    x, y = black_pixels()
    found = eb.FGSM()(gamma, x, y, eb.Threat("l2", 0.5), batching=None)
    assert found.undefined.tolist() == [2] * 4 + [1] * 4 + [0] * 4
    assert found.gradients.tolist() == [1] * N


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: type(attack).__name__)
def test_with_nothing_left_the_true_cause_is_named(attack: eb.Attack) -> None:
    x, y = samples(N, wrong=0)
    threat = eb.Threat("l2") if attack.minimum_norm else eb.Threat("l2", 0.5)
    with pytest.raises(eb.ModelError, match=r"gradient of the model is NaN or infinite.*logits are finite"):
        attack(everywhere, x, y, threat)


def test_an_evaluation_goes_on_and_says_so() -> None:
    x, y = black_pixels()
    run = eb.evaluate(gamma, (x, y), eb.Threat("l2", 0.6), suite={"fgsm": eb.FGSM(), "deepfool": eb.DeepFool()})
    said = {finding.id: finding for finding in run.findings}
    assert (said["D31"].severity, said["D31"].evidence.partition("; ")[0]) == ("WARN", "fgsm: 12 entries, of 8 samples")
    assert run.robust_accuracy() < 1


def test_a_sample_without_any_gradient_is_not_called_robust() -> None:
    x, _ = samples(N)
    x[0] = 0
    y = normalised(x).argmax(1)
    run = eb.evaluate(normalised, (x, y), eb.Threat("l2", 0.01), suite={"fgsm": eb.FGSM()})
    said = {finding.id: finding for finding in run.findings}
    assert said["D32"].severity == "FAIL"
    assert said["D32"].evidence == "1 samples, sample 0 among them"
    assert not run.trusted


def test_an_attack_that_asks_about_nothing_is_named_and_not_the_model() -> None:
    class Lost(eb.Attack):
        """Divides by 0."""

        def run(self, ask: Oracle) -> Tensor:
            x = ask.x0 * torch.nan
            ask.met(x)
            return x

    x, y = samples(N)
    with pytest.raises(eb.InputError, match="the attack asked about points with NaN or infinite values"):
        Lost()(Affine(), x, y, eb.Threat("l2", 0.5))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_curvature_that_overflows_moves_no_row_and_stops_no_search(scale: float) -> None:
    """Displacements times changes of the gradient leave float32 at logits as small or large as these; directions become NaN."""
    x, y = samples(N, wrong=0)
    found = eb.LBFGS(steps=12, searches=4)(lambda x: scale * Affine()(x), x, y, eb.Threat("l2"))
    assert bool(found.success.all())
    assert not bool(found.undefined.any())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_rows_whose_gradient_is_undefined_leave_the_others_their_search(norm: str) -> None:
    """Black images, at which the gradient is NaN throughout, beside others: these are found where they are without them."""
    x, _ = samples(N)
    x[:2] = 0
    y, search = normalised(x).argmax(1), eb.LBFGS(steps=12, searches=4)
    found, alone = search(normalised, x, y, eb.Threat(norm)), search(normalised, x[2:], y[2:], eb.Threat(norm))
    assert found.blind.tolist() == [True] * 2 + [False] * (N - 2)
    assert bool(found.success[2:].all())
    torch.testing.assert_close(found.distance[2:], alone.distance)
