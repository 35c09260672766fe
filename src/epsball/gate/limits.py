"""What a gate asks for, as users write it: a fraction of the samples, or points of them."""

from __future__ import annotations

from epsball.errors import InputError, brief
from epsball.units import parse_number

_HUNDREDTHS = ("pt", "pts", "points", "%")


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
