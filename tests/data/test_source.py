"""Which rows are chosen, and which labels are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epsball.data.source import checked_labels, choose, in_turn
from epsball.errors import InputError

SORTED = np.repeat([0, 1, 2], [3, 1, 2])


def test_rows_come_in_the_order_of_the_source() -> None:
    assert choose(np.array([2, 0, 1]), 2, None, "set").tolist() == [0, 1]
    assert choose(SORTED, None, None, "set").tolist() == [0, 1, 2, 3, 4, 5]


def test_the_first_rows_of_a_sorted_source_take_turns() -> None:
    assert in_turn(SORTED).tolist() == [0, 3, 4, 1, 5, 2]
    assert choose(SORTED, 4, None, "set").tolist() == [0, 3, 4, 1]
    assert choose(SORTED, 6, None, "set").tolist() == [0, 1, 2, 3, 4, 5]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_turns_are_a_permutation_that_keeps_each_class_in_order(values: list[int]) -> None:
    labels = np.array(values)
    order = in_turn(labels)
    assert sorted(order.tolist()) == list(range(len(values)))
    for label in set(values):
        inside = order[labels[order] == label]
        assert (np.diff(inside) > 0).all()
    seen = np.cumsum(labels[order][:, None] == np.arange(6), axis=0)
    short = seen < np.bincount(labels, minlength=6)
    assert all(
        counts[more].max(initial=0) - counts[more].min(initial=99) <= 1
        for counts, more in zip(seen, short, strict=True)
        if more.any()
    )


def test_a_seed_shuffles_and_more_rows_begin_with_the_fewer() -> None:
    labels = np.zeros(50, dtype=np.int64)
    few, many = choose(labels, 10, 3, "set"), choose(labels, 20, 3, "set")
    assert few.tolist() == many[:10].tolist()
    assert len(set(many.tolist())) == 20
    assert few.tolist() != choose(labels, 10, 4, "set").tolist()


@pytest.mark.parametrize("n", [0, -1, 7])
def test_the_number_of_rows_must_fit_the_set(n: int) -> None:
    with pytest.raises(InputError, match=f"set has 6 rows and n was given as {n};"):
        choose(SORTED, n, None, "set")


@pytest.mark.parametrize(
    ("labels", "classes", "says"),
    [
        (np.array([0.0, 1.0]), None, "type float64"),
        (np.array(["a"]), None, "whole number"),
        (np.eye(3, dtype=int), None, "argmax"),
        (np.array([0, -1]), None, "from -1 to 0, expected 0 to 1,048,575"),
        (np.array([0, 10]), 10, "expected 0 to 9"),
        (np.array([], dtype=int), None, "no rows"),
    ],
)
def test_labels_that_cannot_be_used_are_said(labels: np.ndarray[Any, Any], classes: int | None, says: str) -> None:
    with pytest.raises(InputError, match=says):
        checked_labels(labels, "set", classes)


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
def test_whole_numbers_of_any_type_become_int64(kind: str) -> None:
    labels = checked_labels(np.array([[3], [1]], dtype=kind), "set", 4)
    assert labels.dtype == np.int64
    assert labels.tolist() == [3, 1]
