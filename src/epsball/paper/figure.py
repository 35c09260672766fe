"""A measured number with its 95 % interval, as JSON keeps it and as a person reads it."""

from __future__ import annotations

import math
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, TypedDict

import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.record.statistics import wilson
from epsball.report.text import DASH, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    """Return how many of the rows `(N,)` are true, with Wilson's interval.

    Raises:
        InputError: there is no row.
    """
    successes, n = int(which.sum()), len(which)
    low, high = wilson(successes, n)
    return Figure(value=successes / n, low=low, high=high, n=n)


def mean(values: Tensor | Sequence[float]) -> Figure:
    """Return the mean `(N,) -> 1` and mean ± t s / √N with Student's t; with a single value the interval is that value.

    Raises:
        InputError: there is no value.
    """
    values = torch.as_tensor(values, dtype=torch.float64)
    n, centre = len(values), values.mean().item()
    if n < 1:
        raise InputError("an interval over 0 samples was asked for, expected at least 1; evaluate some samples")
    quantile = _STUDENT[n - 2] if 1 < n < len(_STUDENT) + 2 else _NORMAL
    spread = quantile * values.std().item() / math.sqrt(n) if n > 1 else 0.0
    return Figure(value=centre, low=centre - spread, high=centre + spread, n=n)


def bounded_mean(values: Tensor | Sequence[float], most: float = 1.0) -> Figure:
    """Return the mean of numbers between 0 and `most`, its interval cut to them."""
    figure = mean(values)
    return Figure(value=figure["value"], low=max(0.0, figure["low"]), high=min(most, figure["high"]), n=figure["n"])


def if_any(figure: Callable[[Tensor], Figure], values: Tensor) -> Figure | None:
    """Return a figure of values `(N,)`, None where a selection left none."""
    return figure(values) if len(values) else None


def difference(more: Figure, less: Figure) -> Figure:
    """More - less of two independent figures; half-widths add as the sides of a right angle."""
    centre, half = more["value"] - less["value"], math.hypot(_half(more), _half(less))
    return Figure(value=centre, low=centre - half, high=centre + half, n=min(more["n"], less["n"]))


def average(figures: Sequence[Figure]) -> Figure:
    """Return the mean of N figures between the means of their ends, an interval for these N whatever samples they share."""
    value, low, high = (fmean(figure[part] for figure in figures) for part in ("value", "low", "high"))
    return Figure(value=value, low=low, high=high, n=sum(figure["n"] for figure in figures))


def _half(figure: Figure) -> float:
    return (figure["high"] - figure["low"]) / 2


def percent(figure: Figure | None) -> str:
    """``29.0 % (28.1 … 29.9)``; a single sample has no interval, and no figure is a dash."""
    if figure is None:
        return DASH
    ends = f" ({100 * figure['low']:.1f} … {100 * figure['high']:.1f})" if figure["n"] > 1 else ""
    return f"{100 * figure['value']:.1f} %{ends}"


def plain(figure: Figure | None) -> str:
    """``0.118 (0.116 … 0.120)``; a single sample has no interval, and no figure is a dash."""
    if figure is None:
        return DASH
    ends = f" ({number(figure['low'])} … {number(figure['high'])})" if figure["n"] > 1 else ""
    return f"{number(figure['value'])}{ends}"
