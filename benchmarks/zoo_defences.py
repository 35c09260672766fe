"""Broken models once proposed as defences: k winners, distillation, thermometer codes, optimisation in the forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lying_models import behind, straight_through
from zoo_models import BROKEN, NO_GRADIENT, NONE_AT_ALL, Specimen, broken, placed
from zoo_networks import Thermometer, cnn, mlp, soft

if TYPE_CHECKING:
    from lying_models import Net
    from zoo_networks import Stock


# k winners take all.
def winning(part: float, *, large: bool) -> None:
    """Register a network in which only the largest features of every layer pass."""

    def build(stock: Stock) -> tuple[Net, Net]:
        net = stock.winners(part, large=large)
        return net, net

    name = f"{part:.0%} of the features win, {28 if large else 8} pixels"
    BROKEN.append(Specimen(name, "k-WTA", "mnist" if large else "digits", ("D05", "D49", "D07 WARN"), build))


winning(0.1, large=False)
winning(0.2, large=True)
winning(0.05, large=True)


# Defensive distillation.
def distilled(temperature: float, *, large: bool) -> None:
    """Register a student of a teacher, both trained at a temperature, and used without it.

    Both are trained as u = z / T, which is the same but for the scale of the last layer; the logits z = T u are used.
    """

    def build(stock: Stock) -> tuple[Net, Net]:
        student = stock.large(cnn, soft(stock.cnn)) if large else stock.small(mlp, soft(stock.mlp))
        return lambda x: temperature * student(x), student

    name = f"distilled at {temperature:g}, {28 if large else 8} pixels"
    BROKEN.append(Specimen(name, "distillation", "mnist" if large else "digits", ("D04 WARN",), build))


distilled(100, large=False)
distilled(100, large=True)
distilled(40, large=True)


# Thermometer codes.
class Smooth(nn.Module):
    """A thermometer code with sigmoids for its steps."""

    def __init__(self, code: Thermometer, steepness: float) -> None:
        super().__init__()
        self.code, self.steepness = code, steepness

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 1, H, W) -> (N, levels, H, W)."""
        return (self.steepness * (x - self.code.threshold)).sigmoid()


def coded(stock: Stock, count: int, *, large: bool) -> tuple[nn.Sequential, Thermometer]:
    """A network trained on the code, and the code."""
    code = Thermometer(count)
    if large:
        return stock.large(lambda: nn.Sequential(code, *cnn(count))), code
    return stock.small(lambda: nn.Sequential(code, *mlp(64 * count))), code


@broken("16 levels, 8 pixels", "thermometer", "digits", NONE_AT_ALL)
def _sixteen(stock: Stock) -> tuple[Net, Net]:
    net, code = coded(stock, 16, large=False)
    return net, behind(Smooth(code, 30.0), net[1:])


@broken("8 levels, 28 pixels, with a gradient of zeros", "thermometer", "mnist", NO_GRADIENT)
def _eight(stock: Stock) -> tuple[Net, Net]:
    net, code = coded(stock, 8, large=True)
    return lambda x: net[1:](code(x) + 0 * x), behind(Smooth(code, 20.0), net[1:])


@broken("16 levels with steep sigmoids", "thermometer", "digits", NO_GRADIENT)
def _sigmoids(stock: Stock) -> tuple[Net, Net]:
    net, code = coded(stock, 16, large=False)
    return behind(Smooth(code, 2000.0), net[1:]), behind(Smooth(code, 30.0), net[1:])


# Optimisation in the forward pass.
def smoothed(x: Tensor, steps: int) -> Tensor:
    """Gradient descent on the distance to the image and its total variation."""
    with torch.enable_grad():
        z = x.detach().clone().requires_grad_()
        for _ in range(steps):
            rough = z.diff(dim=2).square().sum() + z.diff(dim=3).square().sum()
            (slope,) = torch.autograd.grad((z - x.detach()).square().sum() + rough, z)
            z = (z - 0.1 * slope).detach().requires_grad_()
    return z.detach()


placed(
    "the image smoothed by gradient descent",
    "optimisation",
    ("D21 WARN",),
    lambda x: straight_through(x, smoothed(x, 5)),
    at=0,
    large=True,
)


@broken("the nearest image of 24 principal components, by SGD", "optimisation", "digits", ("D21 WARN",))
def _components(stock: Stock) -> tuple[Net, Net]:
    net, x = stock.mlp, stock.digits[0][0].flatten(1)
    mean = x.mean(0)
    basis = torch.linalg.svd(x - mean, full_matrices=False).Vh[:24]

    def nearest(image: Tensor) -> Tensor:
        with torch.enable_grad():
            code = torch.zeros(len(image), 24, requires_grad=True)
            descent = torch.optim.SGD([code], lr=0.4)
            for _ in range(6):
                descent.zero_grad()
                (code @ basis + mean - image.detach().flatten(1)).square().sum().backward()
                descent.step()
        return straight_through(image, (code.detach() @ basis + mean).reshape(image.shape))

    def projected(image: Tensor) -> Tensor:
        code: Tensor = (image.flatten(1) - mean) @ basis.T
        projection: Tensor = (code @ basis + mean).reshape(image.shape)
        return projection

    return lambda image: net(nearest(image)), lambda image: net(projected(image))


@broken("the image moved to lower the entropy", "optimisation", "digits", ("D21 WARN",))
def _entropy(stock: Stock) -> tuple[Net, Net]:
    net = stock.mlp

    def surer(x: Tensor) -> Tensor:
        with torch.enable_grad():
            z = x if x.requires_grad else x.detach().requires_grad_()
            for _ in range(2):
                p = net(z).log_softmax(1)
                (slope,) = torch.autograd.grad(-(p.exp() * p).sum(), z, create_graph=True)
                z = z - 0.05 * slope
        answer: Tensor = net(z)
        return answer

    return surer, net
