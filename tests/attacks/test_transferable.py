"""What the variants of the iterative method do with a gradient, checked by hand, and that they find what there is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import epsball as eb
from contract.problems import Affine, digits
from epsball.attacks.parts.slopes import resized, scaled
from epsball.attacks.parts.step_rules import smoothed, steepest
from epsball.testing.problems import Recorder
from scripted import Scripted

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle

WIDE = eb.Threat("linf", 0.25)


class Quadratic(nn.Module):
    """Two logits that differ by |x|² / 2, far from a change of the label."""

    def forward(self, x: Tensor) -> Tensor:
        half = x.flatten(1).square().sum(1) / 2
        return torch.stack((100 + 0 * half, half), 1)


def trace(attack: eb.Attack, net: nn.Module, x: Tensor, threat: eb.Threat = WIDE) -> list[Tensor]:
    """The points that the network was asked about, and the end."""
    asked = Recorder(net)
    end = attack.maximise(asked, x, torch.zeros(len(x), dtype=torch.int64), threat, seed=3)
    return [*asked.points, end]


def test_nesterov_looks_ahead_by_the_step_that_momentum_alone_would_make() -> None:
    x = torch.tensor([[0.3, 0.6]], dtype=torch.float64)
    points = trace(eb.NIFGSM(steps=3, rate=0.2, decay=0.5), Quadratic(), x)
    torch.testing.assert_close(points[0], x)
    torch.testing.assert_close(points[1], x + 0.05 + 0.5 * 0.05)  # a step of 0.2 * 0.25, and half of one ahead
    torch.testing.assert_close(points[2], x + 0.10 + 0.5 * 0.05)


def test_scaled_copies_are_asked_together_and_weigh_as_they_are_scaled() -> None:
    x = digits(3, (1, 4, 4))
    seen: list[Tensor] = []

    def script(ask: Oracle) -> Tensor:
        seen.append(scaled(3)(ask, ask.x0, lambda z, _: z[:, 1], None, 0.1))
        return ask.x0

    Scripted(script)(Quadratic(), x, torch.zeros(3, dtype=torch.int64), WIDE)
    torch.testing.assert_close(seen[0], x * (1 + 1 / 4 + 1 / 16) / 3)  # the gradient of |x / 2^i|² / 2 is x / 4^i


def test_a_resized_gradient_is_that_of_the_transformed_image() -> None:
    x = digits(40, (2, 10, 10))
    weights = torch.randn(2, 10, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    asked: list[Tensor] = []
    slopes: list[Tensor] = []

    class Linear(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            asked.append(given.detach())
            z = (weights * given).flatten(1).sum(1)
            return torch.stack((100 + 0 * z, z), 1)

    def script(ask: Oracle) -> Tensor:
        slopes.append(resized(0.5, 0.6)(ask, ask.x0, lambda z, _: z[:, 1], None, 0.1))
        return ask.x0

    Scripted(script)(Linear(), x, torch.zeros(40, dtype=torch.int64), WIDE)
    transformed = next(points for points in asked if points.shape == x.shape and not torch.equal(points, x))
    torch.testing.assert_close((slopes[0] * x).flatten(1).sum(1), (weights * transformed).flatten(1).sum(1))
    unchanged = (transformed == x).flatten(1).all(1).double().mean().item()
    assert 0.3 < unchanged < 0.75  # half of the rows stay, and some are shrunk by nothing
    rows = (transformed != 0).any(1).any(2).sum(1)
    assert int(rows.min()) == 6
    assert set(transformed.flatten().tolist()) <= {0.0, *x.flatten().tolist()}


def test_the_kernel_is_the_gaussian_of_the_paper() -> None:
    g = torch.zeros(1, 2, 9, 9, dtype=torch.float64)
    g[0, 1, 4, 4] = 1
    kernel, memory = smoothed(5, steepest)(g, None)
    assert memory is None
    assert kernel[0, 0].abs().max().item() == 0
    assert kernel.sum().item() == pytest.approx(1)
    sigma = 2 / math.sqrt(3)
    assert (kernel[0, 1, 4, 5] / kernel[0, 1, 4, 4]).item() == pytest.approx(math.exp(-1 / (2 * sigma**2)))
    assert (kernel[0, 1, 6, 5] / kernel[0, 1, 4, 4]).item() == pytest.approx(math.exp(-5 / (2 * sigma**2)))


def test_variance_corrects_the_next_gradient() -> None:
    """Of |x|² / 2 the gradient at x + r is x + r: the variance is the mean of the draws, which the next step adds."""
    x = torch.full((1, 2), 0.02, dtype=torch.float64)
    points = trace(eb.VMIFGSM(steps=2, rate=0.2, decay=0.0, neighbours=3, width=1.5), Quadratic(), x)
    mean = points[1].mean(0) - x[0]
    assert 0.2 < float((points[1] - x).abs().max()) <= 1.5 * 0.25
    first, last = x + 0.05, points[-1]
    torch.testing.assert_close(points[2], first)
    torch.testing.assert_close(last, first + 0.05 * (first + mean).sign())


@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("make", [eb.DIFGSM, eb.TIFGSM, eb.SIFGSM, eb.NIFGSM, eb.VMIFGSM])
def test_grey_and_coloured_images_and_vanishing_gradients(make: type[eb.PGD], side: int) -> None:
    last = nn.Linear(side * 16, 3)
    nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(torch.tensor([2.0, 0.0, 0.0]))
    flat = nn.Sequential(nn.Flatten(), last).double()
    x = digits(2, (side, 4, 4))
    found = make(steps=2)(flat, x, torch.zeros(2, dtype=torch.int64), WIDE)
    assert not bool(found.success.any())
    assert torch.equal(found.x, x)


@pytest.mark.parametrize(("make", "rate"), [(eb.DIFGSM, 0.6), (eb.TIFGSM, 0.3)])
def test_at_least_this_share_of_an_affine_models_errors_is_found(make: type[eb.PGD], rate: float) -> None:
    model, x = Affine((1, 10, 10), 4), digits(60, (1, 10, 10))
    y, threat = model(x).argmax(1), eb.Threat("linf", 0.1)
    there = eb.PGD()(model, x, y, threat).success.double().mean().item()
    assert there > 0.5
    assert make()(model, x, y, threat).success.double().mean().item() >= rate * there


def test_smoothing_is_depthwise() -> None:
    g = digits(2, (3, 8, 8))
    one, _ = smoothed(3, steepest)(g, None)
    alone = torch.cat([smoothed(3, steepest)(g[:, k : k + 1], None)[0] for k in range(3)], 1)
    torch.testing.assert_close(one, alone)
    assert F.mse_loss(one, g).item() > 0
