"""Features at the limits of the box that have no gradient there, part of D05."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.diagnostics.base import Observation
from epsball.diagnostics.probe import lead
from epsball.randomness import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from epsball.diagnostics.probe import Preflight

SEED = 20180201
ROWS = 6
NEAR, FAR = 2.0**-11, 1 / 8
"""How far inside the limits to look at least and at most, as fractions of the box."""
STUCK, ZONE, MATTERS = 0.5, 0.85, 0.05
"""Part of the gradient along features at the limits that may vanish there, close by and within the budget (0.6 of a median filter's,
0.98 in a dead zone), and what they must cause of the whole to be looked at."""
OFTEN = 3


def stuck(given: Preflight) -> Iterator[Observation]:
    """Limits of the box at which the gradient is 0 and the answers are not constant."""
    near, inside = _parts_stuck(given)
    if near > STUCK or inside > ZONE:
        yield Observation(
            "At the limits of the box the gradient is 0 where the model's answers change, so attacks that follow it do not leave them",
            f"{near:.0%} of the gradient {NEAR:.1g} of the range beside them, and {inside:.0%} of that within the budget, is 0 "
            f"there, at the first {ROWS} samples",
        )


def _parts_stuck(given: Preflight) -> tuple[float, float]:
    """What part of the gradient inside the box, along features at its limits, is exactly 0 at these; 0 where they hardly matter.

    Close beside the limits, and as far inside as the budget lets one feature move, for a dead zone is flat close by. So far away only
    features count that have no gradient at their limit in any of three images.
    About half of these features are moved first, as a random start moves them, so that their neighbours leave kinks of their own.
    """
    x, label = (each[:ROWS] for each in given.probe)
    low, high = given.threat.low, given.threat.high
    inwards = (x == low).to(x) - (x == high).to(x)
    draw = Stream(SEED, torch.arange(len(x), device=x.device), 1).uniform(x[0].numel()).reshape(x.shape)
    held = (inwards != 0) & (draw < 1 / 2)
    x = given.threat.clip(torch.where(held, x, x + FAR * draw.to(x) * inwards * (high - low)))
    span = torch.as_tensor(high - low).to(x)
    budget = torch.as_tensor(given.threat.eps).amax().to(x).clamp(NEAR * span, FAR * span)
    beside, inside = (given.threat.clip(torch.where(held, x + far * inwards, x)) for far in (NEAR * span, budget))
    here, near, there = (_slope(given, each, label).abs() for each in (x, beside, inside))
    often = held & (held.sum(0) >= OFTEN)
    return (_part(near, held, here == 0), _part(there, often, ~(held & (here != 0)).any(0)))


def _part(slope: Tensor, held: Tensor, dead: Tensor) -> float:
    """How much of what is held is dead; 0 where it hardly matters."""
    along = slope[held].sum()
    return float(slope[held & dead].sum() / along) if along > MATTERS * slope.sum() else 0.0


def _slope(given: Preflight, x: Tensor, label: Tensor) -> Tensor:
    """The gradient of the label's lead over the next class."""

    def summed(logits: Tensor) -> list[Tensor]:
        rival = logits.detach().scatter(1, label[:, None], -torch.inf).argmax(1)
        return [lead(logits, label, rival).sum()]

    slope = given.slopes(x, summed)[0]
    return torch.zeros_like(x) if slope is None else slope
