"""Numbers with their 95 % intervals, and how a person reads them."""

from __future__ import annotations

import math
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.paper.rows import KEYS, Row, Rows
from epsball.record.statistics import wilson
from epsball.report.text import DASH, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_NORMAL = NormalDist().inv_cdf(0.975)
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t at 97.5 % for 1, 2, … degrees of freedom; beyond the last the normal distribution is within 0.16 of it."""

NOTHING = Row(math.nan, math.nan, math.nan, 0)
"""What is measured on no sample."""


def fraction(which: Tensor) -> Row:
    """Return how many of the samples `(N,)` are true, with Wilson's interval.

    Raises:
        InputError: there is no sample.
    """
    successes, n = int(which.sum()), len(which)
    return Row(successes / max(n, 1), *wilson(successes, n), n)


def mean(values: Tensor | Sequence[float]) -> Row:
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
    return Row(centre, centre - spread, centre + spread, n)


def bounded_mean(values: Tensor | Sequence[float], largest: float = 1.0) -> Row:
    """Return the mean of numbers between 0 and `largest`, its interval cut to them."""
    found = mean(values)
    return Row(found.value, max(0.0, found.low), min(largest, found.high), found.n)


def exactly(value: float) -> Row:
    """Return a number without an interval."""
    return Row(float(value), float(value), float(value), 1)


def if_any(estimate: Callable[[Tensor], Row], values: Tensor) -> Row:
    """Return an estimate from values `(N,)`, or that there is none where a selection left no value."""
    return estimate(values) if len(values) else NOTHING


def difference(more: Row, less: Row) -> Row:
    """More - less of two independent numbers; half-widths add as the sides of a right angle."""
    centre, half = more.value - less.value, math.hypot(more.high - more.low, less.high - less.low) / 2
    return Row(centre, centre - half, centre + half, min(more.n, less.n))


def average(rows: Iterable[Row]) -> Row:
    """Return the mean of N numbers between the means of their ends, an interval for these N whatever samples they share."""
    rows = tuple(rows)
    low, high = fmean(row.low for row in rows), fmean(row.high for row in rows)
    return Row(fmean(row.value for row in rows), low, high, sum(row.n for row in rows))


def paired(above: Sequence[float], below: Sequence[float]) -> Row:
    """Return the mean of above - below over the seeds, with Student's 95 % interval."""
    return mean([one - other for one, other in zip(above, below, strict=True)])


def over_seeds(rows: Rows, centre: Callable[[Sequence[float]], Row] = mean) -> Rows:
    """Return the mean over the seeds for all other keys, with its interval; no number where one of the seeds has none."""
    others = [name for name in KEYS if name != "seed"]
    return Rows(
        tuple(
            (centre(seeds.values()) if all(row.n for row in seeds) else NOTHING).of(
                **dict(zip(others, keys, strict=True))
            )
            for keys, seeds in rows.by(*others).items()
        )
    )


def percent(row: Row) -> str:
    """``29.0 % (28.1 … 29.9)``; a single sample has no interval, and no number is a dash."""
    ends = f" ({100 * row.low:.1f} … {100 * row.high:.1f})" if row.n > 1 else ""
    return f"{100 * row.value:.1f} %{ends}" if row.n else DASH


def decimal(row: Row) -> str:
    """``0.118 (0.116 … 0.120)``; a single sample has no interval, and no number is a dash."""
    ends = f" ({number(row.low)} … {number(row.high)})" if row.n > 1 else ""
    return f"{number(row.value)}{ends}" if row.n else DASH
