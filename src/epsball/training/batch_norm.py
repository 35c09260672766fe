"""Batch normalisation as a means of training that leaves no trace: put in before, folded into the convolutions afterwards."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import nn

from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


def insert(net: nn.Module) -> None:
    """Put a batch normalisation between every convolution and the ReLU that follows it, in place.

    Ioffe and Szegedy 2015, arXiv:1502.03167.

    Raises:
        InputError: the network is no chain of layers, or has no such pair.
    """
    if not isinstance(net, nn.Sequential):
        raise InputError(
            f"batch normalisation was wanted in a {type(net).__name__}; expected a chain of layers, nn.Sequential, "
            "in which it can be folded away again: train without it"
        )
    layers: list[nn.Module] = []
    for layer, following in itertools.zip_longest(net, list(net)[1:]):
        layers.append(layer)
        if isinstance(layer, nn.Conv2d) and isinstance(following, nn.ReLU):
            layers.append(nn.BatchNorm2d(layer.out_channels).to(layer.weight))
    if len(layers) == len(net):
        raise InputError("batch normalisation was wanted and no convolution is followed by a ReLU; train without it")
    _replace(net, layers)


@torch.no_grad()
def fold(net: nn.Module) -> None:
    """Multiply every batch normalisation into the convolution before it, in place: w <- γ w / σ, b <- β + γ (b - μ) / σ.

    With σ² = running variance + eps the network computes what it did in evaluation mode, up to rounding.
    """
    if isinstance(net, nn.Sequential):
        _replace(net, list(_folded(list(net))))


def _folded(layers: list[nn.Module]) -> Iterator[nn.Module]:
    before: nn.Module | None = None
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            if layer.running_mean is None or layer.running_var is None or before.bias is None:
                raise InputError("a batch normalisation without running statistics cannot be folded; train with them")
            scale = layer.weight / (layer.running_var + layer.eps).sqrt()
            before.weight.mul_(scale[:, None, None, None])
            before.bias.copy_(layer.bias + scale * (before.bias - layer.running_mean))
        else:
            yield layer
        before = layer


def _replace(net: nn.Sequential, layers: list[nn.Module]) -> None:
    for name in list(net._modules):  # noqa: SLF001 (nn.Sequential has no public way to take all layers out)
        del net._modules[name]  # noqa: SLF001 (the same)
    net.extend(layers)
