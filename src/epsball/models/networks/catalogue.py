"""The catalogue: images in [0, 1] of shape (N, C, H, W) in, logits (N, K) out."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from epsball.errors import InputError
from epsball.models.networks import digits, photographs
from epsball.models.networks.network import Network, Shape
from epsball.randomness import generator_seed
from epsball.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable


class Entry(NamedTuple):
    """One line of the catalogue: the layers, what the network is, which data it was meant for, its images, their least side."""

    factory: Callable[[Shape, int], list[nn.Module]]
    description: str
    data: str
    shape: Shape
    least: int = 1


def build(name: str, *, shape: Shape | None = None, classes: int | None = None, seed: int = 0) -> Network:
    """Return an untrained network by name; PyTorch's own initialisation, convolutions followed by ReLU after He et al. 2015.

    Args:
        name: a key of `NETWORKS`.
        shape: (C, H, W) of the images; that of the network's own data set when left out.
        classes: number of logits; 10 when left out.
        seed: of the initial weights. The global random state is left as it was.

    Raises:
        InputError: an unknown name, or images the network cannot take.
    """
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
        torch.default_generator.manual_seed(generator_seed(operator.index(seed)))
        return Network(name, shape, classes, entry.factory(shape, classes))


_MNIST, _CIFAR = (1, 28, 28), (3, 32, 32)

_ENTRIES = {
    "linear": Entry(digits.linear, "softmax regression, the affine model with closed-form distances", "mnist", _MNIST),
    "mlp-512": Entry(
        digits.mlp(512), "784-512-10 with ReLU: the paper's own network, 407,050 parameters", "mnist", _MNIST
    ),
    "fc-500-150": Entry(digits.mlp(500, 150), "784-500-150-10 with ReLU, of the DeepFool comparison", "mnist", _MNIST),
    "lenet-mnist": Entry(
        digits.lenet_mnist, "conv20-conv50-500-10, no ReLU after the convolutions", "mnist", _MNIST, 16
    ),
    "cnn-mnist": Entry(
        digits.cnn_mnist,
        "conv16-conv32-100-10 with strides, 166,406 parameters, of arXiv:1711.00851",
        "mnist",
        _MNIST,
        4,
    ),
    **{
        f"capacity-{scale}": Entry(
            digits.scaled(scale),
            f"conv{2 * scale}-conv{4 * scale}-{64 * scale}-10, scale {scale} of arXiv:1706.06083, figure 4",
            "mnist",
            _MNIST,
            4,
        )
        for scale in (1, 2, 4, 8, 16)
    },
    "lenet-cifar": Entry(
        photographs.lenet_cifar, "conv32-conv32-conv64-conv64-10 with 3x3 pooling", "cifar10", _CIFAR, 8
    ),
    "nin": Entry(
        photographs.nin, "Network in Network: three 192-channel stages of 1x1 layers, dropout", "cifar10", _CIFAR, 4
    ),
    "resnet-20": Entry(
        photographs.resnet_20, "residual network of 20 layers with batch norm, arXiv:1512.03385", "cifar10", _CIFAR
    ),
}

NETWORKS: Registry[Entry] = Registry("network")
for _name, _entry in _ENTRIES.items():
    NETWORKS.add(_name, _entry)
