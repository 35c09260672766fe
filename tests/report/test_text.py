"""Numbers as a reader sees them."""

from __future__ import annotations

import math

import pytest

from epsball.report.text import CIFAR10, DASH, class_names, count, epsilon, number, percent, seconds


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(("share", "text"), [(0.1234, "12.3 %"), (1.0, "100.0 %"), (math.nan, DASH)])
def test_a_share_is_a_percentage(share: float, text: str) -> None:
    assert plain(percent(share)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.123"), (0.5, "0.5"), (1234.5, "1 234"), (math.inf, "∞"), (math.nan, DASH), (0.0, "0")],
)
def test_a_number_has_three_figures(value: float, text: str) -> None:
    assert plain(number(value)) == text


def test_thousands_stand_apart() -> None:
    assert plain(count(1234567)) == "1 234 567"


@pytest.mark.parametrize(
    ("threat", "text"),
    [
        ({"norm": "linf", "eps": 8 / 255, "low": 0.0, "high": 1.0}, "0.0314 (8/255)"),
        ({"norm": "l2", "eps": 0.5, "low": 0.0, "high": 1.0}, "0.5 (128/255)"),
        ({"norm": "l0", "eps": 20, "low": 0.0, "high": 1.0}, "20"),
        ({"norm": "linf", "eps": 8.0, "low": 0.0, "high": 255.0}, "8"),
        ({"norm": "l2", "eps": "inf", "low": 0.0, "high": 1.0}, "∞"),
        ({"norm": "l2", "eps": 0.0, "low": 0.0, "high": 1.0}, "0"),
    ],
)
def test_epsilon_is_also_read_in_eight_bits_where_pixels_are(threat: dict[str, object], text: str) -> None:
    assert epsilon(threat) == text


@pytest.mark.parametrize(("value", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (185, "3 min 05 s")])
def test_a_duration_is_read_at_a_glance(value: float, text: str) -> None:
    assert plain(seconds(value)) == text


def test_classes_have_the_names_that_are_known() -> None:
    assert list(class_names({"source": "mnist-5k", "classes": 10}, 10))[3] == "3"
    assert class_names({"source": "cifar10", "classes": 10}, 10) == CIFAR10
    assert class_names({"source": "pets", "classes": ["cat", "dog"]}, 2) == ["cat", "dog"]
    assert class_names({"source": "cifar100", "classes": 100}, 100)[99] == "99"
