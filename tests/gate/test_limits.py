"""Shares of the samples as users write them."""

from __future__ import annotations

import pytest

from epsball.errors import InputError
from epsball.gate.limits import parse_fraction


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
