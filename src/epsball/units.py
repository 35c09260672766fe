"""Numbers as users write them: 0.1 or "8/255"."""

from __future__ import annotations

import math

from epsball.errors import InputError


def parse_number(value: float | str, name: str = "ε") -> float:
    """Return a number, or a fraction such as "8/255", as a float.

    Args:
        value: what was given.
        name: what it is called in the sentence of an error.

    Raises:
        InputError: it is neither, or NaN.

    Example:
        >>> parse_number("8/255")
        0.03137254901960784
    """
    above, _, below = str(value).partition("/")
    try:
        number = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        number = math.nan
    if math.isnan(number):
        raise InputError(
            f"{name} was given as {value!r}; expected a number or a fraction in data units, such as 0.1 or 8/255"
        )
    return number


def parse_budget(value: float | str) -> float:
    """Return a budget ε >= 0; arguments and errors are those of `parse_number`."""
    number = parse_number(value)
    if number < 0:
        raise InputError(f"ε was given as {value}; expected a number that is not negative, in data units")
    return number
