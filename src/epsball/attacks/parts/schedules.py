"""How a length falls from the first step to the last."""

from __future__ import annotations

import math


def cosine(step: int, steps: int, first: float, last: float) -> float:
    """Return last + (first - last) (1 + cos(π step / steps)) / 2, half a wave from `first` towards `last`.

    Loshchilov and Hutter 2016, arXiv:1608.03983, eq. 5, without restarts.
    """
    return last + (first - last) * (1 + math.cos(math.pi * step / steps)) / 2
