"""The normal of a decision boundary, from the labels of points around one of its points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.attacks.parts.waves import waves
from epsball.geometry import rows
from epsball.geometry.base import TINY

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle

_AT_ONCE = 2**14
"""Numbers drawn a row at once, so that many directions of large images need little memory."""


def vote(ask: Oracle, x: Tensor, radius: Tensor, count: int, *, cube: bool = False, frequencies: float = 1.0) -> Tensor:
    """Return the mean of (φ_i - mean φ) u_i with φ_i = ±1 for whether x + radius u_i is an error, `(n, …)`, of unit length.

    Where all votes are equal, their mean is not subtracted. Chen et al. 2020, arXiv:1904.02144, eqs. 10 and 16. The steps u_i are
    what the pixel box leaves of them.

    Args:
        ask: the oracle.
        x: points on the boundary.
        radius: how far around them to ask, `(n,)`.
        count: directions, one query each.
        cube: whether directions are drawn from the cube instead of the sphere before they are scaled to unit length.
        frequencies: fraction of the lowest frequencies a side that directions are made of, where they are not of the cube.
    """
    kind, size = torch.promote_types(x.dtype, torch.float32), x[0].numel()
    signed, plain, votes = torch.zeros_like(x, dtype=kind), torch.zeros_like(x, dtype=kind), radius.new_zeros(len(x))
    group = max(_AT_ONCE // size, 1)
    for first in range(0, count, group):
        m, draw = min(group, count - first), ask.draw()
        u = 2 * draw.uniform(m * size) - 1 if cube else waves(draw, x, frequencies, m)
        u = u.to(kind).reshape(len(x), m, size)
        u = (u / u.norm(dim=2, keepdim=True)).reshape(len(x), m, *x.shape[1:]).transpose(0, 1)
        points = ask.threat.clip(x + rows(radius, x) * u).to(x.dtype)
        moved = ((points.to(kind) - x) / rows(radius, signed)).transpose(0, 1)
        side = torch.where(ask.met(points.transpose(0, 1)), 1.0, -1.0).to(kind)
        signed += torch.einsum("nm,nm...->n...", side, moved)
        plain += moved.sum(1)
        votes += side.sum(1)
    mean = torch.where(votes.abs() == count, torch.zeros_like(votes), votes / count)
    normal = signed - rows(mean, plain) * plain
    return normal / rows(normal.flatten(1).norm(dim=1).clamp_min(TINY), normal)
