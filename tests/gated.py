"""An affine classifier that gets worse, for tests of the gate."""

from __future__ import annotations

import torch

import epsball as eb
from toy import EPS, SUITE, Affine

THREAT = eb.Threat("linf", EPS)
QUICK: dict[str, eb.Attack] = {"fgsm": SUITE["fgsm"], "pgd": SUITE["pgd"]}
WRONG = 0.8
"""How far weights are moved for a drop that no one can miss."""


def worse(by: float = WRONG) -> Affine:
    """The affine classifier with its weights moved at random, the same way each time."""
    net = Affine()
    moved = by * torch.randn(net.weight.shape, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        net.weight.add_(moved)
        net.bias.sub_(moved.sum(1) / 2)
    return net
