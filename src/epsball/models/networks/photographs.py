"""Networks for small colour photographs, as lists of layers for images `(C, H, W)` and K classes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from torch import nn

from epsball.models.networks.layers import Centre, Residual, convolution

if TYPE_CHECKING:
    from epsball.models.networks.network import Shape


def lenet_cifar(shape: Shape, classes: int) -> list[nn.Module]:
    """Return three convolutions with 3 x 3 pooling, then 1 x 1 layers, for any side from 8."""
    height, width = (side // 8 for side in shape[1:])
    return [
        Centre(),
        nn.Conv2d(shape[0], 32, 5, padding=2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.ReLU(),
        *convolution(32, 32, 5, 2),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        *convolution(32, 64, 5, 2),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        *convolution(64, 64, (height, width)),
        nn.Conv2d(64, classes, 1),
        nn.Flatten(),
    ]


def nin(shape: Shape, classes: int) -> list[nn.Module]:
    """Return Network in Network (Lin, Chen and Yan 2014, arXiv:1312.4400)."""
    return [
        Centre(),
        *convolution(shape[0], 192, 5, 2),
        *convolution(192, 160, 1),
        *convolution(160, 96, 1),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Dropout(0.5),
        *convolution(96, 192, 5, 2),
        *convolution(192, 192, 1),
        *convolution(192, 192, 1),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Dropout(0.5),
        *convolution(192, 192, 3, 1),
        *convolution(192, 192, 1),
        nn.Conv2d(192, classes, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ]


def resnet_20(shape: Shape, classes: int) -> list[nn.Module]:
    """Return the residual network of 20 layers (He et al. 2015, arXiv:1512.03385, section 4.2)."""
    widths = (16, 16, 16, 16, 32, 32, 32, 64, 64, 64)
    blocks = [Residual(a, b, stride=b // a) for a, b in itertools.pairwise(widths)]
    first = nn.Conv2d(shape[0], 16, 3, padding=1, bias=False)
    layers = [Centre(), first, nn.BatchNorm2d(16), nn.ReLU(), *blocks]
    for layer in nn.Sequential(*layers).modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)]
