"""Numbers as users write them: 0.1 or "8/255", and shares of the samples: 2 % or "2pt"."""

from __future__ import annotations

import math

from epsball.errors import InputError, brief

_INFINITE = {"inf", "infinity"}
"""The only words for it: a number that is too large is a slip of the pen."""
_EPS = "ε"
_HUNDREDTHS = ("pt", "pts", "points", "%")


def parse_number(value: float | str, name: str = _EPS) -> float:
    """Return a number, or a fraction such as "8/255", as a float.

    Args:
        value: what was given.
        name: what it is called in the sentence of an error.

    Raises:
        InputError: it is neither, NaN, or beyond what a float holds.

    Example:
        >>> parse_number("8/255")
        0.03137254901960784
    """
    try:
        text = str(value).strip().lower()
    except ValueError:  # a whole number of thousands of digits
        text = "1e999"
    above, _, below = text.partition("/")
    try:
        number = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError, OverflowError):
        number = math.nan
    if math.isnan(number):
        units = " in data units" if name == _EPS else ""
        raise InputError(f"{name} was given as {value!r}; expected a number or a fraction{units}, such as 0.1 or 8/255")
    too_large = math.isinf(number) and text.lstrip("+-") not in _INFINITE
    too_small = number == 0 and any(digit in "123456789" for digit in above.partition("e")[0])
    if too_large or too_small:
        raise InputError(
            f"{name} was given as {brief(value)}, which is too {'large' if too_large else 'small'} for a number; expected one "
            f"between 1e-300 and 1e300{', or inf for no limit' * too_large}"
        )
    return number


def parse_whole(value: float | str, name: str) -> int:
    """Return a whole number; arguments are those of `parse_number`.

    Raises:
        InputError: it is none.
    """
    try:
        number = parse_number(value, name)
    except InputError:
        number = math.nan
    if not number.is_integer():
        raise InputError(f"{name} was given as {value!r}; expected a whole number, such as 10")
    return int(number)


def parse_budget(value: float | str) -> float:
    """Return a budget ε >= 0; arguments and errors are those of `parse_number`."""
    number = parse_number(value)
    if number < 0:
        raise InputError(f"ε was given as {value}; expected a number that is not negative, in data units")
    return number


def parse_fraction(value: float | str, name: str) -> float:
    """Return a share of the samples between 0 and 1: "2pt", "2 %", "0.02" and "1/50" are the same.

    Args:
        value: what was given.
        name: what it is called in the sentence of an error.

    Raises:
        InputError: it is no number, or not between 0 and 1.
    """
    text = str(value).strip().lower()
    unit = next((each for each in _HUNDREDTHS if text.endswith(each)), "")
    try:
        number = parse_number(text.removesuffix(unit), name) / (100 if unit else 1)
    except InputError:
        number = -1.0
    if not 0 <= number <= 1:
        hint = f"; for {brief(value)} of a hundred write {value}pt" if not unit and 1 < number <= 100 else ""  # noqa: PLR2004 (points)
        raise InputError(f"{name} was given as {value}; expected 0.02, 1/50, 2pt or 2%, a share between 0 and 1{hint}")
    return number
