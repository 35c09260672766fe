"""What an attack ascends: functions (logits `(N, K)`, goal) -> `(N,)`, larger when the goal is nearer.

Their values are the textbooks'. Their gradients leave out classes that tie with the goal's label, as copies of it do, as long as others
are left: what such a class gains, the label gains too. A tie that is none everywhere counts with its difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from epsball.goal import Goal, equal

Loss: TypeAlias = Callable[[Tensor, Goal], Tensor]


class _Sides(NamedTuple):
    """The label's logit `(N, 1)`, those of the classes against it, -inf elsewhere `(N, K)`, and what ties lead by together, `(N,)`.

    `all` are those against it with the ties among them; None where no class ties.
    """

    own: Tensor
    others: Tensor
    ties: Tensor | float = 0.0
    all: Tensor | None = None


def _sides(logits: Tensor, goal: Goal) -> _Sides:
    """Tell the label from what competes with it. Differences of 16-bit logits are taken in 32 bits."""
    half = torch.finfo(logits.dtype).bits <= 16  # noqa: PLR2004 - bits
    tied = goal.tied(logits) if half else None
    logits = logits.float() if half else logits
    label = goal.labels[:, None]
    own, against = logits.gather(1, label), logits.scatter(1, label, -math.inf)
    if tied is None:
        if not bool(equal(against.detach(), own.detach()).any()):
            return _Sides(own, against)
        tied = goal.tied(logits)
    hidden = tied & ~tied.all(1, keepdim=True)
    copies = hidden.scatter(1, label, value=False)
    if not bool(copies.any()):
        return _Sides(own, against)
    return _Sides(own, against.masked_fill(hidden, -math.inf), ((logits - own) * copies).sum(1), against)


def _judged(formula: Callable[[Tensor, Tensor], Tensor], sides: _Sides, goal: Goal) -> Tensor:
    """Return the loss of a formula (own, others) -> `(N,)`: its value with the ties, its gradient without them."""
    loss = formula(sides.own, sides.others) + sides.ties
    if sides.all is not None:
        loss = loss + (formula(sides.own, sides.all) - loss).detach()
    return -loss if goal.targeted else loss


def cross_entropy(logits: Tensor, goal: Goal) -> Tensor:
    """Return J(x, y) = -log p_y, or log p_t for a target t. Source: Goodfellow et al. 2014, arXiv:1412.6572.

    Deviations: the gradient is that of the log odds, log((1 - p_y) / p_y), which is the gradient of J divided by 1 - p_y. Its
    direction is the same, but it does not vanish where a confident p_y rounds to 1. Steps that a norm scales do not see the factor.
    """
    return _judged(_cross_entropy, _sides(logits, goal), goal)


def _cross_entropy(own: Tensor, others: Tensor) -> Tensor:
    top = others.amax(1, keepdim=True).detach()  # differences of large logits are exact, exponents of them are not
    odds = (others - top).logsumexp(1) + (top - own).squeeze(1)
    fixed = odds.detach()
    return odds + (F.softplus(fixed) - fixed)


def sharpened_cross_entropy(logits: Tensor, goal: Goal) -> Tensor:
    """Return T (log sum_{k != y} exp(z_k / T) - z_y / T), `(N,)`; for a target its negative.

    T is how far z_y is from the largest other logit, and at most 1; no gradient passes through it. Far from the boundary
    that is `cross_entropy` in direction; near it, the softmax is sharpened as the label's lead shrinks, so that the last
    steps head for the nearest boundary and not for a mixture of all. Source: none; docs/decisions/cross-entropy.md.
    """
    return _judged(_sharpened, _sides(logits, goal), goal)


def _sharpened(own: Tensor, others: Tensor) -> Tensor:
    top = others.amax(1, keepdim=True).detach()
    heat = (top - own).detach().abs().clamp(torch.finfo(own.dtype).eps, 1)
    return (((others - top) / heat).logsumexp(1, keepdim=True) * heat + (top - own)).squeeze(1)


def margin(logits: Tensor, goal: Goal) -> Tensor:
    """Return max_{k != y} z_k - z_y, or z_t - max_{k != t} z_k. Source: Carlini and Wagner 2016, arXiv:1608.04644, f_6."""
    return _judged(_margin, _sides(logits, goal), goal)


def _margin(own: Tensor, others: Tensor) -> Tensor:
    return others.amax(1) - own.squeeze(1)


def value_and_slope(loss: Loss, logits: Tensor, goal: Goal) -> tuple[Tensor, Tensor] | None:
    """Return the loss `(N,)` and its gradient to the `logits` `(N, K)` in closed form: what `autograd` finds, in fewer operations.

    None where none is known: for other losses than the cross entropies and the margin, and where classes tie with the label.
    """
    formula = next((formula for known, formula in _IN_CLOSED_FORM if known is loss), None)
    if formula is None:
        return None
    own, others, _, tied = _sides(logits, goal)
    if tied is not None:
        return None
    value, slope = formula(own, others)
    slope = slope.scatter_(1, goal.labels[:, None], -1).to(logits.dtype)
    return (-value, slope.neg_()) if goal.targeted else (value, slope)


def _log_sum(shifted: Tensor) -> Tensor:
    """Return log sum_k exp(z_k), `(N, 1)`, of logits whose largest is 0: what `logsumexp` would subtract first."""
    return shifted.exp().sum(1, keepdim=True).log_()


def _cross_entropy_and_slope(own: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    top = others.amax(1, keepdim=True)
    shifted = others - top
    total = _log_sum(shifted)
    odds = (total + (top - own)).squeeze(1)
    return odds + (F.softplus(odds) - odds), (shifted - total).exp_()


def _sharpened_and_slope(own: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    top = others.amax(1, keepdim=True)
    lead = top - own
    heat = lead.abs().clamp_(torch.finfo(own.dtype).eps, 1)
    shifted = (others - top).div_(heat)
    total = _log_sum(shifted)
    return (total * heat + lead).squeeze(1), (shifted - total).exp_().mul_(heat).div_(heat)


def _margin_and_slope(own: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    top = others.amax(1, keepdim=True)
    first = (others == top).to(own.dtype)
    return (top - own).squeeze(1), first.div_(first.sum(1, keepdim=True))


_IN_CLOSED_FORM = (
    (cross_entropy, _cross_entropy_and_slope),
    (sharpened_cross_entropy, _sharpened_and_slope),
    (margin, _margin_and_slope),
)
"""Losses and their formulas (own, others) -> loss `(N,)` and slope `(N, K)`; that to the label is -1."""


def dlr(logits: Tensor, goal: Goal) -> Tensor:
    """Return the margin divided by a difference of ordered logits, so that the scale of the logits cancels.

    Untargeted: -(z_y - max_{k != y} z_k) / (z_1 - z_3). Targeted: -(z_max - z_t) / (z_1 - (z_3 + z_4) / 2), with
    z_1 >= z_2 >= … Source: Croce and Hein 2020, arXiv:2003.01690, eqs. 6 and 7.
    Deviations: the order counts equal logits once; with fewer than three (four) of them the last ones stand in and the divisor is
    a constant, for the ratio may have no slope; the targeted numerator takes the largest logit other than the target, so that it
    keeps its sign once the target is reached.
    """
    sides = _sides(logits, goal)
    spread = _spread(sides, 4 if goal.targeted else 3)
    return _judged(_margin, sides, goal) / spread.clamp_min(torch.finfo(spread.dtype).tiny)


def _spread(sides: _Sides, places: int) -> Tensor:
    """Return z_1 - z_3, or z_1 - (z_3 + z_4) / 2 for four places, among the different logits; constant where there are fewer."""
    order = torch.cat((sides.own, sides.others), 1).sort(1, descending=True).values
    order = order[:, :-1]  # the label's own place among the others
    new = F.pad(order[:, 1:] != order[:, :-1], (1, 0), value=True) & order.isfinite()
    rank = new.cumsum(1)
    count = rank[:, -1:]
    third, last = (
        order.gather(
            1, (rank == torch.minimum(count, torch.full_like(count, place))).int().argmax(1, keepdim=True)
        ).squeeze(1)
        for place in (3, places)
    )
    spread = order[:, 0] - (third + last) / 2
    return torch.where(count.squeeze(1) < places, spread.detach(), spread)


NAMED: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "sharpened_cross_entropy": sharpened_cross_entropy,
    "margin": margin,
    "dlr": dlr,
}
"""The losses that may be given by name."""
