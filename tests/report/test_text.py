"""Numbers as a reader sees them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from epsball.record.plan import Real, ThreatPlan
from epsball.report.text import CIFAR10, DASH, class_names, count, epsilon, number, percent, seconds
from plans import plan


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(("fraction", "text"), [(0.1234, "12.3 %"), (1.0, "100.0 %"), (math.nan, DASH)])
def test_a_fraction_is_a_percentage(fraction: float, text: str) -> None:
    assert plain(percent(fraction)) == text


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
        (("linf", 8 / 255, 1.0), "8/255"),
        (("linf", 0.1, 1.0), "0.1"),
        (("linf", 0.2, 1.0), "0.2"),
        (("linf", 1 / 255, 1.0), "1/255"),
        (("linf", 0.5 / 255, 1.0), "0.00196"),
        (("l2", 0.5, 1.0), "0.5"),
        (("l0", 20, 1.0), "20"),
        (("linf", 8.0, 255.0), "8"),
        (("l2", math.inf, 1.0), "∞"),
        (("l2", 0.0, 1.0), "0"),
    ],
)
def test_epsilon_is_also_read_in_eight_bits_where_pixels_are(threat: tuple[Any, float, float], text: str) -> None:
    norm, eps, high = threat
    assert epsilon(ThreatPlan(norm=norm, eps=Real(eps), low=0.0, high=high)) == text


@pytest.mark.parametrize(("value", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (185, "3 min 05 s")])
def test_a_duration_is_read_at_a_glance(value: float, text: str) -> None:
    assert plain(seconds(value)) == text


def test_classes_have_the_names_that_are_known() -> None:
    def named(source: str, classes: int) -> list[str]:
        return list(class_names(plan(data__source=source).data, classes))

    assert named("mnist-5k", 10)[3] == "3"
    assert named("cifar10", 10) == list(CIFAR10)
    assert named("cifar100", 100)[99] == "99"
