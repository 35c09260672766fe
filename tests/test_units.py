from __future__ import annotations

import math

import pytest

from epsball.errors import InputError, brief
from epsball.units import parse_budget, parse_fraction, parse_number, parse_whole


@pytest.mark.parametrize(("text", "value"), [("8/255", 8 / 255), (0.3, 0.3), ("0", 0.0), ("inf", math.inf), (2, 2.0)])
def test_a_budget_is_a_number_or_a_fraction(text: float | str, value: float) -> None:
    assert parse_budget(text) == value


@pytest.mark.parametrize("text", ["", "a", "1/0", "-1", "nan", "8/-255", "1/2/3"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a number"):
        parse_budget(text)


@pytest.mark.parametrize(
    "text", ["1e400", 10**400, 10**5000, "1e400/2", "2/1e400", "1e-400", "1e-300/1e300", "-1e999", "inf/2"], ids=brief
)
def test_only_the_word_is_infinite_and_only_0_is_0(text: str | int) -> None:
    with pytest.raises(InputError, match=r"--rate was given as .* too (large|small) for a number"):
        parse_number(text, "--rate")
    assert parse_number("Infinity") == math.inf
    assert parse_number("0e5") == parse_number("0/1e3") == 0


def test_an_error_names_the_setting() -> None:
    with pytest.raises(InputError, match="--mean"):
        parse_number("x", "--mean")


@pytest.mark.parametrize("value", [0.02, "0.02", "1/50", "2pt", "2 pt", "2%", "2 %", "2pts", "2 points", "2PT", " 2% "])
def test_one_share_in_many_words(value: float | str) -> None:
    assert parse_fraction(value, "max_drop") == pytest.approx(0.02)


@pytest.mark.parametrize("value", [-0.01, 1.01, "101%", "2p", "", "nan", "inf", "pt", None])
def test_what_is_no_share_is_refused(value: float | str) -> None:
    with pytest.raises(InputError, match=r"max_drop was given as .*; expected 0\.02, 1/50, 2pt or 2%"):
        parse_fraction(value, "max_drop")


def test_a_number_of_points_is_recognised() -> None:
    with pytest.raises(InputError, match="write 20pt"):
        parse_fraction(20, "max_drop")
    assert parse_fraction(1, "gate") == 1


@pytest.mark.parametrize(("text", "value"), [("3", 3), (3, 3), ("6/2", 3), ("1e2", 100)])
def test_whole_numbers(text: float | str, value: int) -> None:
    assert parse_whole(text, "--steps") == value


@pytest.mark.parametrize("text", ["x", "2.5", "inf", "nan", "", "1/2"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"--steps was given as '{text}'; expected a whole number"):
        parse_whole(text, "--steps")
