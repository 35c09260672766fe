"""Orthogonal directions that all lean on the gradient: the gradient-aligned adversarial subspace."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.geometry import l2
from epsball.geometry.base import TINY
from epsball.paper.answers import labels
from epsball.paper.estimates import bounded_mean
from epsball.paper.rows import Rows

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.paper.lab import Data

LADDER = (1, 2, 4, 8, 16, 32, 64, 128)
"""How many orthogonal directions are looked for; no more than the last are ever counted."""

DIRECTIONS = "orthogonal directions that fool"
ALIGNED, RANDOM = "aligned with the gradient", "random"
FREE, BOXED = "no pixel clipped", "pixels in [0, 1]"


def frame(k: int) -> Tensor:
    """Return an orthogonal matrix `(k, k)` whose rows all begin with 1/√k: the transposed cosine transform."""
    row, column = torch.arange(k, dtype=torch.float64)[:, None], torch.arange(k, dtype=torch.float64)
    waves = math.sqrt(2 / k) * torch.cos(math.pi * (row + 0.5) * column / k)
    return torch.cat([torch.full((k, 1), 1 / math.sqrt(k), dtype=torch.float64), waves[:, 1:]], 1)


def random_basis(n: int, seed: int) -> Tensor:
    """Return a random orthogonal matrix `(n, n)` in float64."""
    normal = torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    basis: Tensor = torch.linalg.qr(normal)[0]
    return basis


def aligned(g: Tensor, k: int, basis: Tensor) -> Tensor:
    """Return k orthogonal unit vectors with <g, r_i> = |g|/√k each, the most that k can have, `(N, k, n)`.

    Tramèr et al. 2017, arXiv:1704.03453, lemma 1. The first k vectors of the basis are mirrored so that the first of them falls on
    -g or g, whichever is farther from it, and is turned over in the first case; `frame` then turns them about one another.

    Args:
        g: gradients `(N, n)`.
        k: how many, at most n.
        basis: an orthogonal matrix `(n, n)`.
    """
    unit = g.double() / g.double().norm(dim=1, keepdim=True).clamp_min(TINY)
    side = torch.where(unit @ basis[0] < 0, -1.0, 1.0).to(unit)[:, None]
    normal = basis[0] + side * unit
    scale = 2 / normal.square().sum(1, keepdim=True)
    mirrored = basis[:k] - (scale * (normal @ basis[:k].T))[:, :, None] * normal[:, None]
    mirrored[:, 0] *= -side
    turned: Tensor = frame(k) @ mirrored
    return turned


def directions(model: Model, data: Data, g: Tensor, eps: float, seed: int) -> Rows:
    """Count, for every image, orthogonal moves of length ε in l2 that change its label.

    Args:
        model: the classifier.
        data: images that it classifies correctly, and labels.
        g: gradients of the loss `(N, …)`.
        eps: the length.
        seed: of the random basis.

    Returns:
        The most that fool out of k aligned with the gradient, over the k of `LADDER`; the same with pixels clipped to [0, 1]; and
        out of `LADDER[-1]` random ones, clipped.
    """
    x, y = data
    basis = random_basis(x[0].numel(), seed)
    free, boxed = torch.zeros(len(y)), torch.zeros(len(y))
    for k in LADDER:
        moves = aligned(g.flatten(1), k, basis).to(x.dtype).reshape(-1, k, *x.shape[1:])
        points = x[:, None] + eps * moves
        free = free.maximum(_fooled(model, points, y))
        boxed = boxed.maximum(_fooled(model, points.clamp(0, 1), y))
    points = x[:, None] + eps * basis[: LADDER[-1]].to(x.dtype).reshape(-1, *x.shape[1:])
    random = _fooled(model, points.clamp(0, 1), y)
    counts = ((ALIGNED, FREE, free), (ALIGNED, BOXED, boxed), (RANDOM, BOXED, random))
    return Rows(
        tuple(
            bounded_mean(count, LADDER[-1]).of(DIRECTIONS, attack=attack, space=space, norm=l2.name, eps=eps)
            for attack, space, count in counts
        )
    )


def _fooled(model: Model, points: Tensor, y: Tensor) -> Tensor:
    """Return how many of the points `(N, k, …)` of each image are not given its label, `(N,)`."""
    given = labels(model, points.flatten(0, 1)).reshape(points.shape[:2])
    return (given != y[:, None]).sum(1)
