"""A measured number with its 95 % interval, as JSON keeps it and as a person reads it."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, TypedDict

import torch

from epsball.metrics import wilson
from epsball.report.words import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_NORMAL = NormalDist().inv_cdf(0.975)
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t at 97.5 % for 1, 2, … degrees of freedom; beyond the last the normal distribution is within 0.16 of it."""


class Figure(TypedDict):
    """A value, the ends of its 95 % interval, and from how many samples."""

    value: float
    low: float
    high: float
    n: int


def share(which: Tensor) -> Figure:
    """Return how many of the rows `(N,)` are true, with Wilson's interval."""
    successes, n = int(which.sum()), len(which)
    low, high = wilson(successes, n)
    return Figure(value=successes / n, low=low, high=high, n=n)


def mean(values: Tensor | Sequence[float]) -> Figure:
    """Return the mean `(N,) -> 1` and mean ± t s / √N with Student's t; with a single value the interval is that value."""
    values = torch.as_tensor(values, dtype=torch.float64)
    n, centre = len(values), values.mean().item()
    quantile = _STUDENT[n - 2] if 1 < n < len(_STUDENT) + 2 else _NORMAL
    spread = quantile * values.std().item() / math.sqrt(n) if n > 1 else 0.0
    return Figure(value=centre, low=centre - spread, high=centre + spread, n=n)


def percent(figure: Figure) -> str:
    """``29.0 % (28.1 … 29.9)``."""
    return f"{100 * figure['value']:.1f} % ({100 * figure['low']:.1f} … {100 * figure['high']:.1f})"


def plain(figure: Figure) -> str:
    """``0.118 (0.116 … 0.120)``."""
    return f"{number(figure['value'])} ({number(figure['low'])} … {number(figure['high'])})"
