"""Softmax regressions on digits of any size, and how their logits grow under a change of ε in every pixel: the first half of E2."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epsball.attacks import FGSM
from epsball.errors import InputError
from epsball.geometry import linf
from epsball.models.wrap import wrap
from epsball.paper.answers import logits
from epsball.paper.estimates import exactly, fraction
from epsball.paper.rows import Rows
from epsball.threat import Threat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.models.model import Model
    from epsball.paper.lab import Data

EPS, IMAGES = 0.25, 100
BUDGETS = (0.0, 0.01, 0.02, 0.05, 0.1)
TARGET = 0.1
WEIGHTS = TRAINED, SCALED, INITIAL = "trained", "scaled", "initial"
ACCURACY = "accuracy"
MAGNITUDE, GROWTH = "mean |ω|", "growth of the logit"
OFF = "largest relative distance from ε m n"
"""Over logits and images."""

BOXED = "growth of the logit, pixels in [0, 1]"


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


def of_size(start: Model, trained: Model, test: Data, settings: tuple[float, int, tuple[float, ...]]) -> Rows:
    """Measure a softmax regression on images of its own size: growth with every kind of weights, and accuracy under FGSM.

    Args:
        start: the network before training.
        trained: `Resize` and the network after it.
        test: images and labels.
        settings: ε of the growth, on how many images, and ε of FGSM.
    """
    if start.module is None or trained.module is None:
        raise InputError("a softmax regression without weights has no growth; give an nn.Module")
    (eps, images, budgets), (resize, end) = settings, trained.module.children()
    x, y = resize(test[0]), test[1]
    kinds = zip(WEIGHTS, (end, scaled(end), start.module), strict=True)
    left = ((size, fraction(~FGSM()(wrap(end), x, y, Threat(linf, size)).success)) for size in budgets)
    return Rows.gathered(
        [
            *(growth(net, x[:images], eps).of(network=kind) for kind, net in kinds),
            *(row.of(ACCURACY, network=TRAINED, attack="FGSM", norm=linf.name, eps=size) for size, row in left),
        ]
    )


def growth(net: nn.Module, x: Tensor, eps: float = EPS) -> Rows:
    """Move images `(N, …)` by ε in the direction of each logit's weights, and compare how it grows with ε m n (after eq. 1)."""
    weight, model = _layer(net).weight.detach(), wrap(net)
    before = logits(model, x)
    free, boxed = [], []
    for k, row in enumerate(weight):
        moved = x + eps * row.sign().reshape(x.shape[1:])
        free.append((logits(model, moved) - before)[:, k].double())
        boxed.append((logits(model, moved.clamp(0, 1)) - before)[:, k].double())
    grown, expected = torch.stack(free), eps * weight.double().abs().sum(1, keepdim=True)
    found = {
        MAGNITUDE: weight.abs().mean(),
        GROWTH: grown.mean(),
        OFF: (grown / expected - 1).abs().max(),
        BOXED: torch.stack(boxed).mean(),
    }
    return Rows.gathered(exactly(value.item()).of(quantity) for quantity, value in found.items())


def scaled(net: nn.Module, magnitude: float = TARGET) -> nn.Module:
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
