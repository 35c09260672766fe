"""How a length falls from the first step to the last."""

from __future__ import annotations

import math


def cosine(first: float, last: float, step: int, steps: int) -> float:
    """Return last + (first - last) (1 + cos(π step / steps)) / 2, half a wave from `first` towards `last`.

    Loshchilov and Hutter 2016, arXiv:1608.03983, eq. 5, without restarts.
    """
    return last + (first - last) * (1 + math.cos(math.pi * step / steps)) / 2


def geometric(first: float, last: float, step: int, steps: int) -> float:
    """Return first (last / first)^(step / (steps - 1)): lengths that fall from `first` to `last` by one factor."""
    return float(first * (last / first) ** (step / max(steps - 1, 1)))
