"""Detectors: K + 1 logits, the last of which rejects an input whose score is above a threshold; broken ones fit it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zoo_honest import honest
from zoo_models import broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from lying_models import Net
    from zoo_networks import Stock

    Threshold = Callable[[Tensor], Tensor | float]

REJECT = "reject"
ALARMS = 0.05
"""Rate of false alarms on clean images."""
TAIL = 1 - ALARMS


def energy(net: nn.Sequential) -> Net:
    """How little evidence there is for any class: -log Σ exp z.  Liu et al. 2020, arXiv:2010.03759."""
    return lambda x: -net(x).logsumexp(1)


def distance(net: nn.Sequential, x: Tensor, y: Tensor) -> Net:
    """How far the features are from the nearest class's mean, in the training set."""
    features = net[:-1](x).flatten(1)
    means = torch.stack([features[y == k].mean(0) for k in range(10)])
    return lambda z: torch.cdist(net[:-1](z).flatten(1), means).amin(1)


def detector(net: Net, score: Net, threshold: Threshold) -> Net:
    """A network with one logit more, which leads where the score is above the threshold."""

    def classify(x: Tensor) -> Tensor:
        logits, above = net(x), score(x)
        above = above - threshold(above.detach())
        return torch.cat((logits, (logits.amax(1) + above)[:, None]), 1)

    return classify


def fixed(score: Net, x: Tensor) -> Threshold:
    """The threshold that clean training images are above at the rate of false alarms."""
    once = float(score(x).quantile(TAIL))
    return lambda _: once


class Follows:
    """A threshold that follows the scores it has seen."""

    def __init__(self, start: float) -> None:
        self.value = start

    def __call__(self, scores: Tensor) -> Tensor:
        """The threshold for these scores, moved a little towards them."""
        self.value = 0.9 * self.value + 0.1 * float(scores.quantile(TAIL))
        return torch.tensor(self.value)


class FirstOfItsSize:
    """A threshold fitted to the first batch of every size, as where each attack's images are calibrated on their own."""

    def __init__(self) -> None:
        self.size, self.value = 0, 0.0

    def __call__(self, scores: Tensor) -> Tensor:
        """The threshold for these scores."""
        if len(scores) != self.size:
            self.size, self.value = len(scores), float(scores.quantile(TAIL))
        return torch.tensor(self.value)


@broken("a threshold fitted to every batch", "detector", "digits", ("D27",), REJECT)
def _every(stock: Stock) -> tuple[Net, Net]:
    net = stock.mlp
    return detector(net, energy(net), lambda scores: scores.quantile(TAIL)), net


@broken("a threshold of two deviations of the batch", "detector", "mnist", ("D27",), REJECT)
def _deviations(stock: Stock) -> tuple[Net, Net]:
    net = stock.cnn
    score = distance(net, *stock.mnist[0])
    return detector(net, score, lambda scores: scores.mean() + 2 * scores.std(unbiased=False)), net


@broken("a threshold that follows what it has seen", "detector", "digits", ("D27",), REJECT)
def _follows(stock: Stock) -> tuple[Net, Net]:
    net, score = stock.mlp, energy(stock.mlp)
    start = float(score(stock.digits[0][0]).quantile(TAIL))
    return detector(net, score, Follows(start)), net


@broken("a threshold fitted to the first batch of every size", "detector", "mnist", ("D27",), REJECT)
def _first(stock: Stock) -> tuple[Net, Net]:
    net = stock.cnn
    return detector(net, distance(net, *stock.mnist[0]), FirstOfItsSize()), net


@honest("detector with a fixed threshold of the energy", "digits", REJECT)
def _energy(stock: Stock) -> Net:
    net, score = stock.mlp, energy(stock.mlp)
    return detector(net, score, fixed(score, stock.digits[0][0]))


@honest("detector with a fixed threshold of the distance", "mnist", REJECT)
def _distance(stock: Stock) -> Net:
    net, score = stock.cnn, distance(stock.cnn, *stock.mnist[0])
    return detector(net, score, fixed(score, stock.mnist[0][0]))
