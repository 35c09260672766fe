"""Attacks that look at no answer but whether it is wrong: their points, and how many errors of an affine model they find."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from contract.problems import Affine, SmallNet, digits
from epsball.attacks.patch import _square
from epsball.testing.problems import Recorder

X = digits(60, (1, 8, 8))
FREE = eb.Threat("l2")


class Never(nn.Module):
    """Class 0, whatever it is asked."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack((2 + 0 * x.flatten(1)[:, 0], 0 * x.flatten(1)[:, 0]), 1)


class Above(nn.Module):
    """Class 0 as long as the deviation of the image from grey is more than a tenth."""

    def forward(self, x: Tensor) -> Tensor:
        spread = (x - 0.5).flatten(1).abs().amax(1)
        return torch.stack((spread, 0.1 + 0 * spread), 1)


def asked(attack: eb.Attack, x: Tensor, net: nn.Module | None = None) -> list[Tensor]:
    model = Recorder(Never() if net is None else net)
    attack(model, x, torch.zeros(len(x), dtype=torch.int64), FREE)
    return model.points[1:]


def test_contrast_fades_to_grey_and_halves_around_the_first_success() -> None:
    x = torch.tensor([[0.0, 1.0], [0.3, 0.5]], dtype=torch.float64)
    points = asked(eb.Contrast(steps=4, halvings=0), x)
    for step, point in enumerate(points[:4]):
        torch.testing.assert_close(point, x + (step + 1) / 4 * (0.5 - x))
    found = eb.Contrast(steps=4, halvings=12)(Above(), x, torch.zeros(2, dtype=torch.int64), FREE)
    torch.testing.assert_close((found.x - 0.5).abs().amax(1), torch.tensor([0.1, 0.1]).double(), rtol=0, atol=1e-3)


def test_a_blur_keeps_the_mean_of_the_middle_and_widens() -> None:
    x = torch.zeros(1, 1, 33, 33, dtype=torch.float64)
    x[..., 16, 16] = 1
    points = asked(eb.GaussianBlur(steps=2, widest=4 / 33), x)
    for sigma, point in zip((2.0, 4.0), points, strict=False):
        assert point.sum().item() == pytest.approx(1, abs=2e-2)
        ratio = (point[..., 16, 18] / point[..., 16, 16]).item()
        assert ratio == pytest.approx(math.exp(-4 / (2 * sigma**2)), rel=1e-3)


def test_salt_and_pepper_sets_the_fraction_to_both_ends_and_keeps_what_it_set() -> None:
    x = torch.full((4, 1, 20, 20), 0.5, dtype=torch.float64)
    points = asked(eb.SaltAndPepper(steps=4), x)
    before = torch.zeros_like(x, dtype=torch.bool)
    for step, point in enumerate(points[:4]):
        changed = point != 0.5
        assert changed.double().mean().item() == pytest.approx((step + 1) / 4, abs=0.05)
        assert bool((changed | ~before).all())
        before = changed
    assert set(points[3].flatten().tolist()) == {0.0, 1.0}
    assert points[3].mean().item() == pytest.approx(0.5, abs=0.05)
    assert not torch.equal(points[3][0], points[3][1])


def test_a_quarter_turn_and_a_shift_are_those_of_the_array() -> None:
    x = digits(2, (2, 6, 6))
    turned = asked(eb.RotationTranslation(degrees=90, shift=0, angles=2, shifts=1), x)
    everything = torch.cat(turned)
    torch.testing.assert_close(everything[:2], x)
    turns = [torch.rot90(x, k, (2, 3)) for k in (1, 3)]
    seen = everything[2:6].reshape(2, 2, 2, 6, 6)
    for k, turn in enumerate(turns):
        matches = [torch.allclose(seen[:, place], turn) for place in range(2)]
        assert any(matches), k
    shifted = torch.cat(asked(eb.RotationTranslation(degrees=0, shift=2 / 6, angles=1, shifts=3), x[:1]))
    expected = torch.zeros_like(x[:1])
    expected[..., :4, 2:] = x[:1, :, 2:, :4]
    assert any(torch.allclose(point, expected[0]) for point in shifted)
    assert len(shifted) == 9 + 1  # and the end, which is the input


def test_rotation_stops_at_the_angle_of_the_first_success() -> None:
    net = SmallNet().double().eval()
    y = net(X).argmax(1)
    found = eb.RotationTranslation(angles=6, shifts=3)(net, X, y, FREE)
    assert bool(found.success.any())
    most = 1 + 9 + 5 * 18 + 1
    assert int(found.queries[found.success].min()) < most
    assert found.queries[~found.success].tolist() == [most] * int((~found.success).sum())


def test_a_patch_moves_only_its_square_where_the_gradient_is_largest() -> None:
    g = torch.zeros(2, 1, 8, 8)
    g[0, 0, 2:4, 3:5], g[1, 0, 6:, :2] = -1, 1
    inside = _square(g, 0.25)
    torch.testing.assert_close(inside, g.abs())
    net = SmallNet().double().eval()
    y = net(X).argmax(1)
    found = eb.Patch(side=0.5, steps=30)(net, X, y, eb.Threat("l0"))
    assert found.success.double().mean().item() > 0.5
    assert float(found.distance[found.success].max()) <= 16
    moved = (found.x != X)[:, 0]
    rows, columns = moved.any(2).sum(1), moved.any(1).sum(1)
    assert int(rows.max()) <= 4
    assert int(columns.max()) <= 4


@pytest.mark.parametrize(
    ("attack", "rate"),
    [
        (eb.Contrast(), 0.05),
        (eb.GaussianBlur(), 0.4),
        (eb.SaltAndPepper(), 0.9),
        (eb.RotationTranslation(angles=6), 0.9),
        (eb.Patch(), 0.8),
    ],
    ids=lambda value: type(value).__name__,
)
def test_at_least_this_share_of_an_affine_models_samples_is_turned(attack: eb.Attack, rate: float) -> None:
    model = Affine((1, 8, 8), 4)
    found = attack(model, X, model(X).argmax(1), FREE)
    assert found.success.double().mean().item() >= rate


def test_a_budget_of_the_threat_still_holds() -> None:
    model = Affine((1, 8, 8), 4)
    y = model(X).argmax(1)
    near = eb.SaltAndPepper()(model, X, y, eb.Threat("l0", 20.0))
    assert 0 < int(near.success.sum()) < int(eb.SaltAndPepper()(model, X, y, eb.Threat("l0")).success.sum()) + 1
    assert float(near.distance[near.success].max()) <= 20
