"""What came out of an attack, judged by the benchmark itself: fooled or not, and how far away, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from epsball.geometry.base import Norm

ROUNDING = 1e-6
"""Pixels that differ by less are counted as unchanged in l0."""


@dataclass(frozen=True)
class Verdict:
    """Which rows are fooled, `(N,)`, and their l2 and linf distances in float64, `(N,)`."""

    fooled: Tensor
    l2: Tensor
    linf: Tensor

    @property
    def success(self) -> float:
        """Share of the rows that are fooled."""
        return self.fooled.double().mean().item()


def judge(net: nn.Module, x: Tensor, y: Tensor, found: Tensor) -> Verdict:
    """A fresh forward pass of the plain network, and distances of our own; a point outside [0, 1] fools nobody."""
    with torch.no_grad():
        wrong = torch.cat([net(part).argmax(1) for part in torch.split(found, 256)]) != y
    inside = ((found >= 0) & (found <= 1)).flatten(1).all(1)
    difference = (found.double() - x.double()).flatten(1)
    return Verdict(wrong & inside, difference.norm(dim=1), difference.abs().amax(1))


def reached(net: nn.Module, x: Tensor, y: Tensor, found: Tensor, norm: Norm) -> Tensor:
    """How far away each row is fooled in float64, `(N,)`; infinitely far where it is not, or the point lies outside [0, 1]."""
    difference = found.detach().double() - x.double()
    distance = norm(torch.where(difference.abs() < ROUNDING, 0, difference) if norm.name == "l0" else difference)
    with torch.no_grad():
        fooled = (net(found).argmax(1) != y) & ((found >= 0) & (found <= 1)).flatten(1).all(1)
    return torch.where(fooled, distance, torch.inf)


def median(values: Tensor) -> float:
    """The lower median of `(N,)`, which is finite where at least half of them are."""
    return values.sort().values[(len(values) - 1) // 2].item()
