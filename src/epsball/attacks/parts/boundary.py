"""The nearest linearised decision boundary, with as few class gradients as will do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from epsball.geometry import Norm, rows
from epsball.geometry.base import TINY

if TYPE_CHECKING:
    from epsball.goal import Goal
    from epsball.oracle.forward import Local
    from epsball.oracle.oracle import Oracle


AIM = 1.25
"""Boundaries are drawn this many roundings behind the true ones, so that a step onto one is a hit beyond rounding."""


class Boundary(NamedTuple):
    """The boundary { r : gap + <w, r> = 0 } between the label (or target) and another class, for n samples.

    Args:
        distance: |gap| / |w|_q, `(n,)`.
        gap: by how much the label is ahead of the class (targeted: the class ahead of the target), `(n,)`.
        w: gradient of that, `(n, …)`.
        k: the class, `(n,)`.
        lengths: |w_k|_q of every class as last seen, `(n, K)`; 0 where it never was.
    """

    distance: Tensor
    gap: Tensor
    w: Tensor
    k: Tensor
    lengths: Tensor


def nearest_boundary(
    ask: Oracle, x: Tensor, norm: Norm, candidates: int, screen: float, lengths: Tensor | None = None
) -> Boundary:
    """Linearise the model at `x` `(n, …)` and return the nearest boundary.

    Args:
        ask: the oracle.
        x: where to linearise.
        norm: in which distance is measured.
        candidates: how many of the likeliest other classes are considered.
        screen: a class is passed over if it could be nearest only if its gradient were longer by more than this share than when last
            seen; one never seen is linearised. Infinity linearises all candidates.
        lengths: what an earlier call returned as `lengths`.
    """
    n = len(x)
    lengths = x.new_zeros(n, 0) if lengths is None else lengths
    nothing = (
        x.new_full((n,), torch.inf),
        x.new_zeros(n),
        torch.zeros_like(x),
        torch.zeros_like(ask.labels),
        lengths,
        torch.zeros_like(lengths, dtype=torch.bool),
    )
    search = partial(_search, norm=norm, candidates=candidates, screen=screen)
    if not bool(ask.live.any()):
        return Boundary(*nothing[:5])
    state = ask.local(x, search, *nothing)
    while bool((state[-1] & ask.live).any()):
        state = ask.local(x, search, *state[:-1], into=state, where=state[-1])
    return Boundary(*state[:5])


def _search(
    local: Local,
    distance: Tensor,
    gap: Tensor,
    w: Tensor,
    k: Tensor,
    lengths: Tensor,
    tried: Tensor,
    *,
    norm: Norm,
    candidates: int,
    screen: float,
) -> tuple[Tensor, ...]:
    """Linearise classes of one micro-batch in the order of their expected distance: all of them at first, then one a pass.

    Returns the nearest boundary so far (distance, gap, w, k), the lengths |w'_k|_q known `(n, K)`, the classes tried at this step
    `(n, K)`, and the rows that need another class: the oracle packs those with other micro-batches' and asks again.
    """
    gaps = _gaps(local.logits, local.goal, candidates)
    known = gaps.detach().to(local.x.dtype)
    classes = 1
    if not lengths.shape[1]:
        lengths, tried, classes = torch.zeros_like(known), torch.zeros_like(known, dtype=torch.bool), candidates
    at, needed = _next(known, lengths, tried, distance, screen)
    for _ in range(classes):
        if not bool(needed.any()):
            break
        ahead = known.gather(1, at).squeeze(1)
        slope = local.gradient(gaps.gather(1, at).squeeze(1).masked_fill(~needed, 0), needed, again=True)
        length = norm.dual(slope)
        reach = (ahead.abs() / length.clamp_min(TINY)).masked_fill(~needed, torch.inf)
        nearer = reach < distance
        distance, gap = torch.where(nearer, reach, distance), torch.where(nearer, ahead, gap)
        w, k = torch.where(rows(nearer, slope).bool(), slope, w), torch.where(nearer, at.squeeze(1), k)
        lengths = torch.where(needed[:, None], lengths.scatter(1, at, length[:, None]), lengths)
        tried = tried.scatter(1, at, tried.gather(1, at) | needed[:, None])
        at, needed = _next(known, lengths, tried, distance, screen)
    return distance, gap, w, k, lengths, tried, needed


def _next(known: Tensor, lengths: Tensor, tried: Tensor, distance: Tensor, screen: float) -> tuple[Tensor, Tensor]:
    """Return the class that may be nearest `(n, 1)`, and whether it may be nearer than what is known, `(n,)`."""
    hopeful = torch.where(lengths > 0, known / ((1 + screen) * lengths).clamp_min(TINY), 0)
    bound, at = hopeful.masked_fill(tried | known.isinf(), torch.inf).min(1, keepdim=True)
    return at, bound.squeeze(1) < distance


def _gaps(logits: Tensor, goal: Goal, candidates: int) -> Tensor:
    """Return how far every class is from taking over beyond rounding, `(n, K)`; infinite for the label and for classes not tried."""
    own = logits.gather(1, goal.labels[:, None])
    gaps = logits - own if goal.targeted else own - logits
    others = logits.detach().scatter(1, goal.labels[:, None], -torch.inf)
    likely = others.topk(1 if goal.targeted else min(candidates, logits.shape[1] - 1), dim=1).indices
    tried = torch.zeros_like(others, dtype=torch.bool).scatter(1, likely, value=True)
    return (gaps + AIM * goal.rounding(logits)[:, None]).masked_fill(~tried, torch.inf)
