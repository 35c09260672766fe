"""What a loss says of scores alone, and how it slopes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from epsball.losses import Loss
    from epsball.oracle.oracle import Oracle

_AT_ONCE = 2**14
"""Numbers drawn a row at once, so that many directions of large images need little memory."""


def judged(ask: Oracle, x: Tensor, loss: Loss, *, where: Tensor | None = None) -> Tensor:
    """Return the loss at `x` `(n, …)`, or at m points a row `(n, m, …)`: `(n,)` or `(n, m)`; `where` `(n,)` limits the question."""
    logits, lead = ask.scores(x, where=where), x.shape[: 1 + x.ndim - ask.x0.ndim]
    each = torch.arange(len(x), device=x.device).repeat_interleave(math.prod(lead[1:]))
    return loss(logits.reshape(-1, logits.shape[-1]), ask.goal[each]).reshape(lead)


def slope(ask: Oracle, x: Tensor, loss: Loss, radius: float, pairs: int, *, signs: bool = False) -> Tensor:
    """Return the mean of (J(x + σ u_i) - J(x - σ u_i)) / (2σ) u_i, an estimate of the gradient at `x`, `(n, …)`.

    What the pixel box cuts off the points is left out of u_i as well.

    Args:
        ask: the oracle.
        x: where.
        loss: J.
        radius: σ; between levels it is their distance at least.
        pairs: directions, two queries each.
        signs: whether directions are ±1 in each coordinate instead of normal.
    """
    if ask.threat.lattice is not None:
        radius = max(radius, ask.threat.lattice.spacing)
    kind, size = torch.promote_types(x.dtype, torch.float32), x[0].numel()
    total, group = torch.zeros_like(x, dtype=kind), max(_AT_ONCE // size, 1)
    for first in range(0, pairs, group):
        m, draw = min(group, pairs - first), ask.draw()
        u = (draw.uniform(m * size) - 0.5).sign() if signs else draw.normal(m * size)
        u = radius * u.to(kind).reshape(len(x), m, *x.shape[1:]).transpose(0, 1)
        up, down = (ask.threat.clip(x + move).to(x.dtype).transpose(0, 1) for move in (u, -u))
        rise = judged(ask, torch.cat((up, down), 1), loss).to(kind)
        total += torch.einsum("nm,nm...->n...", rise[:, :m] - rise[:, m:], up.to(kind) - down)
    return total / (4 * radius**2 * pairs)
