"""Which samples a thorough look is run on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import epsball as eb
from epsball.errors import InputError
from epsball.evaluation.plan import attack_plan
from epsball.record.selection import Selection

EPS = 0.5


def table(n: int, seed: int) -> dict[str, Any]:
    """Samples of which about a third each is wrong, broken, and robust, some with a nearest error that is known."""
    draws = np.random.default_rng(seed)
    upper = np.where(draws.random(n) < 0.5, draws.random(n), np.inf)
    return {
        "ids": draws.permutation(10 * n)[:n].astype(np.int64),
        "right": draws.random(n) < 0.7,
        "upper": upper,
        "confidence": draws.random(n),
    }


def chosen(selection: Selection, columns: dict[str, Any], seed: int = 3) -> tuple[list[int], list[int]]:
    nearest, drawn = selection.halves(**columns, seed=seed, eps=EPS)
    return columns["ids"][nearest].tolist(), columns["ids"][drawn].tolist()


@given(st.integers(0, 60), st.integers(0, 20), st.integers(0, 20), st.integers(0, 10**6))
def test_half_are_the_nearest_and_half_are_drawn_from_the_others(n: int, nearest: int, drawn: int, seed: int) -> None:
    columns = table(n, seed)
    near, others = chosen(Selection("D11", nearest, drawn, correct=False), columns)
    known = {
        i: (u, c) for i, u, c in zip(columns["ids"].tolist(), columns["upper"], columns["confidence"], strict=True)
    }
    robust = set(columns["ids"][columns["right"] & (columns["upper"] > EPS)].tolist())
    assert len(near) == min(nearest, len(robust))
    assert len(others) == min(drawn, len(robust) - len(near))
    assert not set(near) & set(others)
    assert set(near) | set(others) <= robust
    assert all(known[one] <= known[two] for one in near for two in robust - set(near))


@given(st.integers(1, 60), st.booleans(), st.integers(0, 10**6))
def test_the_order_of_the_samples_and_those_beside_them_change_nothing(n: int, correct: bool, seed: int) -> None:  # noqa: FBT001 (Hypothesis gives it)
    columns = table(n, seed)
    order = np.random.default_rng(seed + 1).permutation(n)
    shuffled = {name: values[order] for name, values in columns.items()}
    selection = Selection("D11", 5, 5, correct=correct)
    assert chosen(selection, columns) == chosen(selection, shuffled)
    first = Selection("D11", 0, 4, correct=True)
    half = {name: values[: (n + 1) // 2] for name, values in columns.items()}
    both, _ = set(chosen(first, columns)[1]), None
    assert both & set(half["ids"].tolist()) <= set(chosen(Selection("D11", 0, 4, correct=True), half)[1])


def test_another_seed_draws_others_and_leaves_the_nearest() -> None:
    columns = table(200, 0)
    selection = Selection("D11", 8, 8, correct=False)
    one, two = (chosen(selection, columns, seed) for seed in (0, 1))
    assert one[0] == two[0]
    assert set(one[1]) != set(two[1])


def test_all_that_are_right_may_be_drawn_from() -> None:
    columns = table(300, 0)
    _, drawn = chosen(Selection("D07", 0, 300, correct=True), columns)
    assert set(drawn) == set(columns["ids"][columns["right"]].tolist())


def test_a_plan_says_what_is_selected() -> None:
    assert Selection.of(attack_plan(eb.PGD(), 0)) is None
    plan = attack_plan(eb.attacks.Selected(eb.PGD(), "D11", nearest=3, drawn=4), 0)
    assert Selection.of(plan) == Selection("D11", 3, 4, correct=False)
    for name, value in (("check", 1), ("nearest", -1), ("drawn", True), ("correct", 0), ("drawn", "9")):
        plan.settings[name], before = value, plan.settings[name]
        with pytest.raises(InputError, match="selects samples by"):
            Selection.of(plan)
        plan.settings[name] = before
