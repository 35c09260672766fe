"""The networks of the paper and two friends: images in [0, 1] of shape (N, C, H, W) in, logits (N, K) out."""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epsball.errors import InputError

Shape = tuple[int, int, int]


class Network(nn.Sequential):
    """A chain of layers that knows what it was built for.

    Args:
        name: its name in `NETWORKS`.
        shape: (C, H, W) of one image.
        classes: number of logits K.
        layers: what the input passes through, in order.
    """

    def __init__(self, name: str, shape: Shape, classes: int, layers: list[nn.Module]) -> None:
        super().__init__(*layers)
        self.name, self.shape, self.classes = name, shape, classes


class Entry(NamedTuple):
    """One line of the catalogue: the layers, what the network is, which data it was meant for, its images, their least side."""

    factory: Callable[[Shape, int], list[nn.Module]]
    description: str
    data: str
    shape: Shape
    least: int = 1


def build(name: str, *, shape: Shape | None = None, classes: int | None = None, seed: int = 0) -> Network:
    """An untrained network by name; PyTorch's own initialisation, convolutions followed by ReLU after He et al. 2015.

    Args:
        name: a key of `NETWORKS`.
        shape: (C, H, W) of the images; that of the network's own data set when left out.
        classes: number of logits; 10 when left out.
        seed: of the initial weights. The global random state is left as it was.

    Raises:
        InputError: an unknown name, or images the network cannot take.
    """
    if name not in NETWORKS:
        raise InputError(f"there is no network {name!r}; the zoo has {', '.join(NETWORKS)}; choose one of these")
    entry = NETWORKS[name]
    shape, classes = entry.shape if shape is None else shape, 10 if classes is None else classes
    if len(shape) != 3 or min(shape) < 1 or classes < 2:  # noqa: PLR2004 an image has three axes, a decision two classes
        raise InputError(f"{name} got shape {shape} and {classes} classes; give (C, H, W) and at least 2 classes")
    if min(shape[1:]) < entry.least:
        raise InputError(
            f"{name} cannot take images of shape {shape}; expected sides of at least {entry.least} pixels, it was made for "
            f"{entry.shape} ({entry.data}): use larger images or an mlp"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Network(name, shape, classes, entry.factory(shape, classes))


class Centre(nn.Module):
    """Pixels from [0, 1] to [-2, 2]: colour photographs train far better around zero. It has no parameters."""

    def forward(self, x: Tensor) -> Tensor:
        """(x - 1/2) / (1/4)."""
        return (x - 0.5) * 4


class Residual(nn.Module):
    """y = ReLU(BN(conv(ReLU(BN(conv(x))))) + shortcut(x)).  He et al. 2015, arXiv:1512.03385, option A: no parameters in the shortcut.

    Args:
        inputs: channels in.
        outputs: channels out; the missing channels of the shortcut are zeros.
        stride: of the first convolution and of the shortcut's subsampling.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.padding = stride, outputs - inputs
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """One residual block."""
        shortcut = x[:, :, :: self.stride, :: self.stride]
        before = self.padding // 2
        shortcut = F.pad(shortcut, (0, 0, 0, 0, before, self.padding - before))
        return F.relu(self.branch(x) + shortcut)


def _linear(shape: Shape, classes: int) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(math.prod(shape), classes)]


def _mlp(*hidden: int) -> Callable[[Shape, int], list[nn.Module]]:
    def layers(shape: Shape, classes: int) -> list[nn.Module]:
        widths = (math.prod(shape), *hidden)
        pairs = [[nn.Linear(a, b), nn.ReLU()] for a, b in itertools.pairwise(widths)]
        return [nn.Flatten(), *(layer for pair in pairs for layer in pair), nn.Linear(widths[-1], classes)]

    return layers


def _lenet_mnist(shape: Shape, classes: int) -> list[nn.Module]:
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


def _cnn_mnist(shape: Shape, classes: int) -> list[nn.Module]:
    height, width = (side // 2 // 2 for side in shape[1:])
    return [
        *_conv(shape[0], 16, 4, 1, stride=2),
        *_conv(16, 32, 4, 1, stride=2),
        nn.Flatten(),
        nn.Linear(32 * height * width, 100),
        nn.ReLU(),
        nn.Linear(100, classes),
    ]


def _scaled(scale: int) -> Callable[[Shape, int], list[nn.Module]]:
    def layers(shape: Shape, classes: int) -> list[nn.Module]:
        height, width = (side // 4 for side in shape[1:])
        return [
            *_conv(shape[0], 2 * scale, 5, 2),
            nn.MaxPool2d(2),
            *_conv(2 * scale, 4 * scale, 5, 2),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * scale * height * width, 64 * scale),
            nn.ReLU(),
            nn.Linear(64 * scale, classes),
        ]

    return layers


def _conv(inputs: int, outputs: int, side: int | tuple[int, int], padding: int = 0, stride: int = 1) -> list[nn.Module]:
    layer = nn.Conv2d(inputs, outputs, side, stride, padding)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return [layer, nn.ReLU()]


def _lenet_cifar(shape: Shape, classes: int) -> list[nn.Module]:
    height, width = (side // 8 for side in shape[1:])
    return [
        Centre(),
        nn.Conv2d(shape[0], 32, 5, padding=2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.ReLU(),
        *_conv(32, 32, 5, 2),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        *_conv(32, 64, 5, 2),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        *_conv(64, 64, (height, width)),
        nn.Conv2d(64, classes, 1),
        nn.Flatten(),
    ]


def _nin(shape: Shape, classes: int) -> list[nn.Module]:
    return [
        Centre(),
        *_conv(shape[0], 192, 5, 2),
        *_conv(192, 160, 1),
        *_conv(160, 96, 1),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Dropout(0.5),
        *_conv(96, 192, 5, 2),
        *_conv(192, 192, 1),
        *_conv(192, 192, 1),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Dropout(0.5),
        *_conv(192, 192, 3, 1),
        *_conv(192, 192, 1),
        nn.Conv2d(192, classes, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ]


def _resnet_20(shape: Shape, classes: int) -> list[nn.Module]:
    widths = (16, 16, 16, 16, 32, 32, 32, 64, 64, 64)
    blocks = [Residual(a, b, stride=b // a) for a, b in itertools.pairwise(widths)]
    first = nn.Conv2d(shape[0], 16, 3, padding=1, bias=False)
    layers = [Centre(), first, nn.BatchNorm2d(16), nn.ReLU(), *blocks]
    for layer in nn.Sequential(*layers).modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)]


_MNIST, _CIFAR = (1, 28, 28), (3, 32, 32)

NETWORKS: dict[str, Entry] = {
    "linear": Entry(_linear, "softmax regression, the affine model with closed-form distances", "mnist", _MNIST),
    "mlp-512": Entry(_mlp(512), "784-512-10 with ReLU: the paper's own network, 407,050 parameters", "mnist", _MNIST),
    "fc-500-150": Entry(_mlp(500, 150), "784-500-150-10 with ReLU, of the DeepFool comparison", "mnist", _MNIST),
    "lenet-mnist": Entry(_lenet_mnist, "conv20-conv50-500-10, no ReLU after the convolutions", "mnist", _MNIST, 16),
    "cnn-mnist": Entry(
        _cnn_mnist, "conv16-conv32-100-10 with strides, 166,406 parameters, of arXiv:1711.00851", "mnist", _MNIST, 4
    ),
    **{
        f"capacity-{scale}": Entry(
            _scaled(scale),
            f"conv{2 * scale}-conv{4 * scale}-{64 * scale}-10, scale {scale} of arXiv:1706.06083, figure 4",
            "mnist",
            _MNIST,
            4,
        )
        for scale in (1, 2, 4, 8, 16)
    },
    "lenet-cifar": Entry(_lenet_cifar, "conv32-conv32-conv64-conv64-10 with 3x3 pooling", "cifar10", _CIFAR, 8),
    "nin": Entry(_nin, "Network in Network: three 192-channel stages of 1x1 layers, dropout", "cifar10", _CIFAR, 4),
    "resnet-20": Entry(
        _resnet_20, "residual network of 20 layers with batch norm, arXiv:1512.03385", "cifar10", _CIFAR
    ),
}
