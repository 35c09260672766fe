"""How straight a network's logits run along the sign of the gradient: the second half of E2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.geometry import linf
from epsball.goal import Goal
from epsball.paper.answers import logits, steepest
from epsball.paper.estimates import exactly, mean
from epsball.paper.rows import Rows

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.paper.lab import Data

LARGEST, POINTS = 0.3, 61
PIECES = (1, 2, 4)
EXPLAINED = "explained by straight pieces"
"""Fraction of the logits' variation; x is the number of pieces."""

BENDS, MARGIN = "bends", "margin"
TURN = 0.05
"""A change of slope counts as a bend from this fraction of the mean slope on."""


def along(model: Model, data: Data, largest: float = LARGEST, points: int = POINTS) -> Rows:
    """Follow the logits over x + t sign ∇J(x, y) at even t from 0 to the largest, past the pixel range where the line leaves it.

    Returns:
        What 1, 2 and 4 straight pieces explain of the logits' variation; the number of points of the path where the slope turns;
        the mean margin of the label over the path (ε is t), as a multiple of its start.
    """
    x, y = data
    direction = steepest(model, data, linf)
    path = torch.linspace(0, largest, points).tolist()
    z = torch.stack([logits(model, x + t * direction) for t in path], 1).double()
    margin = torch.stack([Goal(y).margin(at).mean() for at in z.unbind(1)])
    heights = zip(path, (margin / margin[0]).tolist(), strict=True)
    return Rows.gathered(
        [
            *(mean(straightness(z, pieces)).of(EXPLAINED, x=float(pieces)) for pieces in PIECES),
            mean(bends(z)).of(BENDS),
            *(exactly(height).of(MARGIN, norm=linf.name, eps=t) for t, height in heights),
        ]
    )


def straightness(z: Tensor, pieces: int = 1) -> Tensor:
    """Return R² of straight lines through the logits `(N, T, K)` at T even steps, a line a logit in each of `pieces` parts, `(N,)`."""
    total = (z - z.mean(1, keepdim=True)).square().sum((1, 2))
    return 1 - torch.stack([_off_the_line(part) for part in z.tensor_split(pieces, 1)]).sum(0) / total


def _off_the_line(z: Tensor) -> Tensor:
    """Return the sum of squares that a straight line leaves of each path `(N, T, K)`, `(N,)`."""
    t = torch.arange(z.shape[1], dtype=z.dtype)
    t = (t - t.mean())[None, :, None]
    centred = z - z.mean(1, keepdim=True)
    slope = (t * centred).sum(1, keepdim=True) / t.square().sum()
    return (centred - slope * t).square().sum((1, 2))


def bends(z: Tensor) -> Tensor:
    """Count the inner points of each path `(N, T, K)` where the slope of the logits turns by more than `TURN` of its mean, `(N,)`."""
    slopes = z.diff(dim=1)
    turns = slopes.diff(dim=1).norm(dim=2)
    bent: Tensor = turns > TURN * slopes.norm(dim=2).mean(1, keepdim=True)
    return bent.sum(1)
