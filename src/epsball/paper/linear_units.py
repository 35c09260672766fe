"""Softmax regressions on digits of any size, and how their logits grow under a change of ε in every pixel: the first half of E2."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epsball.attacks import FGSM
from epsball.errors import InputError
from epsball.geometry import linf
from epsball.models.wrap import wrap
from epsball.paper.answers import logits
from epsball.paper.figure import share
from epsball.threat import Threat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.paper.experiment import Measured
    from epsball.paper.lab import Data

EPS, ROWS = 0.25, 100
BUDGETS = (0.0, 0.01, 0.02, 0.05, 0.1)
MAGNITUDE = 0.1


class Growth(TypedDict):
    """What ε sign ω does to the logits of a softmax regression.

    Args:
        magnitude: m, the mean |ω|.
        growth: mean growth of the logits.
        off: its largest relative distance from ε m n, over logits and images.
        boxed: mean growth once the pixels are clipped to [0, 1].
    """

    magnitude: float
    growth: float
    off: float
    boxed: float


class Resize(nn.Module):
    """Images of another side: means of pixels to shrink, bilinear interpolation to enlarge."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W) -> (N, C, side, side)`."""
        if self.side <= x.shape[-1]:
            return F.adaptive_avg_pool2d(x, self.side)
        return F.interpolate(x, (self.side, self.side), mode="bilinear")


def of_size(start: nn.Module, trained: nn.Module, test: Data) -> Measured:
    """Measure a softmax regression on images of its own size.

    Args:
        start: the network before training.
        trained: `Resize` and the network after it.
        test: images and labels.

    Returns:
        `units`: `Growth` for the weights after training, scaled, and before; `left`: accuracy under FGSM at every one of `BUDGETS`.
    """
    resize, end = trained.children()
    x, y = resize(test[0]), test[1]
    kinds = {"trained": end, "scaled": scaled(end), "initial": start}
    left = [share(~FGSM()(wrap(end), x, y, Threat(linf, eps)).success) for eps in BUDGETS]
    return {"units": {kind: growth(net, x[:ROWS]) for kind, net in kinds.items()}, "left": left}


def growth(net: nn.Module, x: Tensor) -> Growth:
    """Move images `(N, …)` by ε in the direction of each logit's weights, and compare how it grows with ε m n (after eq. 1)."""
    weight, model = _layer(net).weight.detach(), wrap(net)
    before = logits(model, x)
    free, boxed = [], []
    for k, row in enumerate(weight):
        moved = x + EPS * row.sign().reshape(x.shape[1:])
        free.append((logits(model, moved) - before)[:, k].double())
        boxed.append((logits(model, moved.clamp(0, 1)) - before)[:, k].double())
    grown, expected = torch.stack(free), EPS * weight.double().abs().sum(1, keepdim=True)
    return Growth(
        magnitude=weight.abs().mean().item(),
        growth=grown.mean().item(),
        off=(grown / expected - 1).abs().max().item(),
        boxed=torch.stack(boxed).mean().item(),
    )


def scaled(net: nn.Module, magnitude: float = MAGNITUDE) -> nn.Module:
    """Return a copy of a softmax regression with its weights multiplied so that the mean |ω| is `magnitude`."""
    net = copy.deepcopy(net)
    weight = _layer(net).weight
    with torch.no_grad():
        weight *= magnitude / weight.abs().mean()
    return net


def _layer(net: nn.Module) -> nn.Linear:
    last = list(net.children())[-1]
    if not isinstance(last, nn.Linear):
        raise InputError(f"the network ends in {type(last).__name__}; give a softmax regression")
    return last


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the exponent a of the power law y = c x^a that fits best on logarithmic axes."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
