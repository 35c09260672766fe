"""StAdv: the warp, its derivative, and what smoothness does."""

from __future__ import annotations

import torch
from torch import Tensor

import epsball as eb
from contract.problems import Affine, SmallNet, digits
from epsball.attacks.parts.warp import roughness, warped

X = digits(30, (1, 8, 8))


def test_a_flow_of_whole_pixels_moves_the_image() -> None:
    x = digits(2, (3, 6, 7))
    flow = torch.zeros(2, 2, 6, 7, dtype=torch.float64)
    torch.testing.assert_close(warped(x, flow)[0], x)
    flow[:, 0], flow[:, 1] = 1, -2
    moved, _ = warped(x, flow)
    torch.testing.assert_close(moved[..., :5, 2:], x[..., 1:, :5])
    torch.testing.assert_close(moved[..., 5, 0], x[..., 5, 0])  # the border goes on


def test_the_derivative_is_that_of_the_warp() -> None:
    x = digits(2, (2, 5, 5))
    flow = 3 * torch.rand(2, 2, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1.5
    leaf = flow.clone().requires_grad_()
    weights = digits(2, (2, 5, 5), seed=3)
    exact = torch.autograd.grad((warped(x, leaf)[0] * weights).sum(), leaf)[0]
    torch.testing.assert_close((weights[:, None] * warped(x, flow)[1]).sum(2), exact)


def test_roughness_is_the_slope_of_the_papers_sum() -> None:
    flow = torch.randn(2, 2, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def total(f: Tensor) -> Tensor:
        return sum(((f.diff(dim=axis)).square().sum(1) + 1e-8).sqrt().sum() for axis in (2, 3))  # type: ignore[return-value]

    leaf = flow.clone().requires_grad_()
    torch.testing.assert_close(roughness(flow), torch.autograd.grad(total(leaf), leaf)[0])
    assert float(roughness(torch.ones_like(flow)).abs().max()) == 0


def test_most_images_are_turned_and_smooth_flows_turn_fewer() -> None:
    for net in (SmallNet().double().eval(), Affine((1, 8, 8), 4)):
        y = net(X).argmax(1)
        free, smooth, stiff = (
            eb.StAdv(smoothness=tau)(net, X, y, eb.Threat("l2")).success.double().mean().item()
            for tau in (0.0, 0.05, 100.0)
        )
        assert free >= smooth > 0.7
        assert stiff < smooth


def test_the_first_step_goes_up_the_slope() -> None:
    net = Affine((1, 8, 8), 3)
    y = net(X).argmax(1)
    found = eb.StAdv(steps=40, rate=0.05)(net, X, y, eb.Threat("linf"))
    assert bool((found.distance[found.success] <= 1).all())
    worse = net(found.x).gather(1, y[:, None]) < net(X).gather(1, y[:, None])
    assert bool(worse.squeeze(1)[found.success & (found.distance > 0)].double().mean() > 0.8)
