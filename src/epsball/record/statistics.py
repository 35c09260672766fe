"""How sure a proportion is, given the number of samples it was counted over."""

from __future__ import annotations

from epsball.errors import InputError


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
