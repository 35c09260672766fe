"""Where a search begins."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from epsball.geometry import rows
from epsball.geometry.base import TINY

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.forward import Local
    from epsball.oracle.oracle import Oracle
    from epsball.randomness import Stream


def diversified(ask: Oracle, x: Tensor, steps: int) -> Tensor:
    """Return starting points that differ in the model's outputs: ascent from `x` on <w, f(x)>, w uniform in [-1, 1]^K, by steps of ε.

    Output diversified initialisation: Tashiro, Song, Ermon 2020, arXiv:2003.06878, eqs. 2 and 3. Deviations: all norms.

    Args:
        ask: the oracle.
        x: where to begin `(n, …)`.
        steps: number of gradients; 0 returns `x`.
    """
    if not steps:
        return x
    draw = ask.draw()
    s = ask.keep(x=x, ids=draw.ids)
    for _ in ask.steps(steps):
        (g,) = ask.local(s.x, partial(_along, draw), s.ids, into=(torch.zeros_like(s.x),))
        s.x = ask.threat.ascend(s.x, g, ask.threat.eps, ask.x0)
    return s.x


def scattered(ask: Oracle, share: float) -> Tensor:
    """Return starting points `(n, …)` whose few moved features lie at the edge of the ball, all as far from the input.

    Each goes towards the farther limit of its box. Where a network has learnt to ignore small changes of many features, its gradients
    say something only where a few have changed by much: docs/decisions/standard-suite.md. Source: none.

    Args:
        ask: the oracle.
        share: of the features that are moved, in (0, 1], each by its own draw.
    """
    low, high = (torch.as_tensor(bound).to(ask.x0) for bound in (ask.threat.low, ask.threat.high))
    moved = ask.draw().uniform(ask.x0[0].numel()).reshape(ask.x0.shape) < share
    towards = torch.where(2 * ask.x0 > low + high, -1.0, 1.0) * moved
    length = ask.eps / ask.threat.norm(towards).to(ask.eps).clamp_min(TINY)
    return ask.threat.project(ask.x0 + (rows(length, towards) * towards).to(ask.x0), ask.x0)


def _along(draw: Stream, local: Local, ids: Tensor) -> tuple[Tensor, ...]:
    """The gradient of a random combination of the logits: the same one for a row at every step."""
    weights = 2 * replace(draw, ids=ids).uniform(local.logits.shape[1]).to(local.logits) - 1
    return (local.gradient((weights * local.logits).sum(1)),)
