from __future__ import annotations

import math

import pytest

from epsball.errors import InputError
from epsball.units import parse_budget, parse_number


@pytest.mark.parametrize(("text", "value"), [("8/255", 8 / 255), (0.3, 0.3), ("0", 0.0), ("inf", math.inf), (2, 2.0)])
def test_a_budget_is_a_number_or_a_fraction(text: float | str, value: float) -> None:
    assert parse_budget(text) == value


@pytest.mark.parametrize("text", ["", "a", "1/0", "-1", "nan", "8/-255", "1/2/3"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a number"):
        parse_budget(text)


def test_an_error_names_the_setting() -> None:
    with pytest.raises(InputError, match="--mean"):
        parse_number("x", "--mean")
