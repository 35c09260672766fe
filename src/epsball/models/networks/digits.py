"""Networks for grey images of digits, as lists of layers for images `(C, H, W)` and K classes."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from torch import nn

from epsball.models.networks.layers import convolution

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.models.networks.network import Shape


def linear(shape: Shape, classes: int) -> list[nn.Module]:
    """Return softmax regression."""
    return [nn.Flatten(), nn.Linear(math.prod(shape), classes)]


def mlp(*hidden: int) -> Callable[[Shape, int], list[nn.Module]]:
    """Return the factory of a fully connected network with ReLU between layers of these widths."""

    def layers(shape: Shape, classes: int) -> list[nn.Module]:
        widths = (math.prod(shape), *hidden)
        pairs = [[nn.Linear(a, b), nn.ReLU()] for a, b in itertools.pairwise(widths)]
        return [nn.Flatten(), *(layer for pair in pairs for layer in pair), nn.Linear(widths[-1], classes)]

    return layers


def lenet_mnist(shape: Shape, classes: int) -> list[nn.Module]:
    """Return LeNet as Caffe has it: no ReLU after its convolutions."""
    height, width = (((side - 4) // 2 - 4) // 2 for side in shape[1:])
    return [
        nn.Conv2d(shape[0], 20, 5),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(50 * height * width, 500),
        nn.ReLU(),
        nn.Linear(500, classes),
    ]


def cnn_mnist(shape: Shape, classes: int) -> list[nn.Module]:
    """Return two convolutions with strides and two linear layers, of arXiv:1711.00851."""
    height, width = (side // 2 // 2 for side in shape[1:])
    return [
        *convolution(shape[0], 16, 4, 1, stride=2),
        *convolution(16, 32, 4, 1, stride=2),
        nn.Flatten(),
        nn.Linear(32 * height * width, 100),
        nn.ReLU(),
        nn.Linear(100, classes),
    ]


def scaled(scale: int) -> Callable[[Shape, int], list[nn.Module]]:
    """Return the factory of the capacity study of arXiv:1706.06083: widths grow with `scale`."""

    def layers(shape: Shape, classes: int) -> list[nn.Module]:
        height, width = (side // 4 for side in shape[1:])
        return [
            *convolution(shape[0], 2 * scale, 5, 2),
            nn.MaxPool2d(2),
            *convolution(2 * scale, 4 * scale, 5, 2),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * scale * height * width, 64 * scale),
            nn.ReLU(),
            nn.Linear(64 * scale, classes),
        ]

    return layers
