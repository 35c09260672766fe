"""How long the steps of a search are."""

from __future__ import annotations


def geometric(first: float, last: float, step: int, steps: int) -> float:
    """Return first (last / first)^(step / (steps - 1)): lengths that fall from `first` to `last` by one factor."""
    return float(first * (last / first) ** (step / max(steps - 1, 1)))
