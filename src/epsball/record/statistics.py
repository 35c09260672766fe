"""How sure a proportion is, and the difference of two on the same samples, given how many they were counted over."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from epsball.errors import InputError
from epsball.units import parse_fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BESIDE = 1e-9
"""Where no pair differs the statistic is 0 / 0 at the difference seen."""
MOST = 10_000_000
"""Samples beyond which nobody is told to evaluate more."""


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion, (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), as SciPy computes it.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209-212.

    Args:
        successes: how many of the samples count.
        n: the number of samples.
        level: the probability with which the interval covers the true proportion.

    Raises:
        InputError: there is no sample.
    """
    if n < 1:
        raise InputError("an interval over 0 samples was asked for, expected at least 1; evaluate some samples")
    from scipy.stats import binomtest  # noqa: PLC0415 (a heavy import, only for those who quote an interval)

    bounds = binomtest(successes, n).proportion_ci(level, method="wilson")
    return float(bounds.low), float(bounds.high)


def more_often(won: int, lost: int) -> float:
    """How likely at least `won` of so many differing pairs are if either side wins each with equal chance: the exact McNemar test.

    Source: McNemar 1947, Psychometrika 12, 153-157, one-sided.

    Args:
        won: pairs in which the first side alone succeeded.
        lost: pairs in which the second did.
    """
    from scipy.stats import binomtest  # noqa: PLC0415 (as above)

    return float(binomtest(won, won + lost, alternative="greater").pvalue) if won + lost else 1.0


def differ(won: int, lost: int) -> float:
    """How likely a split of the differing pairs as uneven as this is if neither side is better: the exact McNemar test, two-sided.

    Source: McNemar 1947, Psychometrika 12, 153-157.

    Args:
        won: pairs in which the first side alone succeeded.
        lost: pairs in which the second did.
    """
    from scipy.stats import binomtest  # noqa: PLC0415 (as above)

    return float(binomtest(won, won + lost).pvalue) if won + lost else 1.0


def paired_difference(won: int, lost: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The score interval of (won - lost) / n over n pairs: every δ that the test of "the difference is δ" does not reject.

    With q the most likely share of `lost` where the difference is δ, the ends solve
    (won - lost - nδ) / √(n (2q + δ (1 - δ))) = ± z.

    Source: Tango 1998, Stat. Med. 17, 891-908, equations 12 to 14.

    Args:
        won: pairs in which the first side alone succeeded.
        lost: pairs in which the second did.
        n: all pairs.
        level: the probability with which the interval covers the true difference.

    Raises:
        InputError: there is no pair.
    """
    if n < 1:
        raise InputError("a paired interval over 0 samples was asked for, expected at least 1; evaluate some samples")
    from scipy.optimize import brentq  # noqa: PLC0415 (as above)

    z, seen = NormalDist().inv_cdf((1 + level) / 2), (won - lost) / n

    def excess(delta: float, sign: int) -> float:
        """How much farther from what was seen δ lies than the interval reaches, in units of pairs."""
        linear = (2 * n - won + lost) * delta - won - lost
        q = (math.sqrt(max(linear * linear + 8 * n * lost * delta * (1 - delta), 0)) - linear) / (4 * n)
        return sign * (won - lost - n * delta) - z * math.sqrt(max(n * (2 * q + delta * (1 - delta)), 0))

    low = -1.0 if excess(-1.0, 1) <= 0 else float(brentq(excess, -1.0, seen - _BESIDE, (1,)))
    high = 1.0 if excess(1.0, -1) <= 0 else float(brentq(excess, seen + _BESIDE, 1.0, (-1,)))
    return low, high


def unpaired_difference(first: tuple[int, int], second: tuple[int, int], level: float = 0.95) -> tuple[float, float]:
    """Newcombe's interval of the difference of two proportions of different samples: of the second less the first.

    With pᵢ and Wilson's (lᵢ, uᵢ) of each, d = p₂ - p₁: (d - √((p₂ - l₂)² + (u₁ - p₁)²), d + √((u₂ - p₂)² + (p₁ - l₁)²)).

    Source: Newcombe 1998, Stat. Med. 17, 873-890, method 10.

    Args:
        first: successes and number of one set of samples.
        second: of the other.
        level: the probability with which the interval covers the true difference.
    """
    (a, m), (b, n) = first, second
    (low, high), (other_low, other_high) = wilson(a, m, level), wilson(b, n, level)
    seen = b / n - a / m
    below, above = math.hypot(b / n - other_low, high - a / m), math.hypot(other_high - b / n, a / m - low)
    return seen - below, seen + above


def unequal(first: tuple[int, int], second: tuple[int, int]) -> float:
    """How likely proportions of different samples as far apart as these are if both are the same: Fisher's exact test, two-sided.

    Source: Fisher 1935, J. R. Stat. Soc. 98, 39-54.

    Args:
        first: successes and number of one set of samples.
        second: of the other.
    """
    from scipy.stats import fisher_exact  # noqa: PLC0415 (as above)

    return float(fisher_exact([[times, n - times] for times, n in (first, second)]).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment for several tests: reject where it is at most α, and one false rejection among all has probability α at most.

    Source: Holm 1979, Scand. J. Stat. 6, 65-70.
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = highest
    return adjusted


def samples_for(half_width: float | str, proportion: float | str = 0.5, level: float = 0.95) -> int:
    """The least n with which Wilson's interval of such a proportion is at most `half_width` wide to either side.

    The half width is z √(p(1-p)/n + z²/4n²) / (1 + z²/n), as in `wilson`, of the proportion p itself, although of n samples only
    whole numbers can count.

    Args:
        half_width: wanted, a fraction: 0.02 or "2pt" for two points.
        proportion: expected; 0.5 is the worst.
        level: the probability with which the interval covers the true proportion.

    Raises:
        InputError: the half width is not between 0 and 1/2, the proportion not from 0 to 1, or the level not between 0 and 1.
    """
    wanted, p = parse_fraction(half_width, "half_width"), parse_fraction(proportion, "proportion")
    if not 0 < wanted < 1 / 2:
        raise InputError(f"a half width of {half_width} was asked for; expected one between 0 and 0.5, such as 0.02")
    if not 0 < level < 1:
        raise InputError(f"level was given as {level}; expected a probability between 0 and 1, such as 0.95")
    z = NormalDist().inv_cdf((1 + level) / 2)

    def enough(n: int) -> bool:
        return z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n) <= wanted

    return _least(enough, exact=True)


def pairs_to_tell(won: int, lost: int, n: int, limit: float, level: float = 0.95) -> int | None:
    """How many pairs of which as large a share differ would put the whole interval of their difference to one side of `limit`.

    Args:
        won: pairs in which the first side alone succeeded.
        lost: pairs in which the second did.
        n: all pairs.
        limit: of the difference, a fraction.
        level: that of the interval.

    Returns:
        The number; None where the difference seen is the limit itself, or more than ten million would be needed.
    """

    def tells(pairs: int) -> bool:
        low, high = paired_difference(round(won * pairs / n), round(lost * pairs / n), pairs, level)
        return high <= limit or low > limit

    return _least(tells, n) if tells(MOST) else None


def samples_to_tell(successes: int, n: int, limit: float, level: float = 0.95) -> int | None:
    """How many samples of which as large a share count would put the whole interval of the proportion to one side of `limit`.

    Args:
        successes: how many of the samples count.
        n: the number of samples.
        limit: of the proportion.
        level: that of the interval.

    Returns:
        The number; None where the share seen is the limit itself, or more than ten million would be needed.
    """

    def tells(samples: int) -> bool:
        low, high = wilson(round(successes * samples / n), samples, level)
        return low >= limit or high < limit

    return _least(tells, n) if tells(MOST) else None


def _least(enough: Callable[[int], bool], least: int = 1, *, exact: bool = False) -> int:
    """The least number from `least` on that is enough, where all larger ones are, to one part in a hundred unless it is to be exact."""
    high = least
    while not enough(high):
        high *= 2
    low = max(high // 2, least)
    while high - low > (1 if exact else max(1, low // 100)):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
