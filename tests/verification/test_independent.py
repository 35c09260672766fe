"""What checks a claim again: its own lengths, ball, box and passes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.verification import independent

R = np.array([[[3.0, -4.0]], [[0.0, 0.5]]], np.float32)
X = torch.tensor([[0.1], [0.2], [0.3], [0.4], [0.9]])


def net(x: Tensor) -> Tensor:
    """Class 1 above 0.35, with a margin of ten times the distance from there."""
    return torch.cat((10 * (0.35 - x), 0 * x, -9 + 0 * x), 1)


@pytest.mark.parametrize(
    ("norm", "lengths"), [("linf", [4.0, 0.5]), ("l2", [5.0, 0.5]), ("l1", [7.0, 0.5]), ("l0", [2.0, 1.0])]
)
def test_lengths_are_computed_in_float64(norm: str, lengths: list[float]) -> None:
    made = independent.length(norm, R)
    assert made.tolist() == lengths
    assert made.dtype == np.float64
    assert independent.relative(norm, np.array([2.0, 0.0]), R).tolist() == [2 / lengths[0], 0.0]
    assert independent.relative(norm, np.array([2.0, 0.0]), 0 * R).tolist() == [math.inf, 0.0]
    assert independent.length(norm, np.float32(0.1) * np.ones((1, 1, 1), np.float32))[0] == (
        1.0 if norm == "l0" else float(np.float32(0.1))
    )


def test_a_ball_forgives_the_order_of_adding_and_no_more() -> None:
    distance = np.array([0.5, 0.5 * (1 + 0.9e-9), 0.5 * (1 + 1.1e-9), math.inf])
    assert independent.inside_ball(distance, 0.5).tolist() == [True, True, False, False]
    assert independent.inside_ball(distance, math.inf).all()
    assert independent.inside_ball(np.array([0.0, 1e-300]), 0.0).tolist() == [True, False]


def test_a_box_holds_its_limits_and_nothing_beyond() -> None:
    low, high = np.float32(0.1), np.float32(0.7)
    rows = [
        [0.1, 0.7],
        [np.nextafter(low, np.float32(0)), 0.5],
        [0.5, np.nextafter(high, np.float32(1))],
        [math.nan, 0.5],
    ]
    x = np.array(rows, np.float32)
    assert independent.inside_box(x, 0.1, 0.7).tolist() == [True, False, False, False]
    assert independent.inside_box(x, np.array([0.05, 0.1]), np.array([0.7, 0.9])).tolist() == [True, True, True, False]


@pytest.mark.parametrize("rows", [1, 2, 5, 99])
def test_answers_are_labels_and_their_probabilities(rows: int) -> None:
    answers = independent.replay(eb.wrap(net), X, batch_size=rows, passes=2)
    assert answers.label.tolist() == [[0, 0, 0, 1, 1]] * 2
    expected = net(X).double().softmax(1).amax(1).tolist()
    assert answers.confidence.tolist() == [pytest.approx(expected)] * 2
    assert answers.success_rate(np.array([0, 1, 1, 1, 0])).tolist() == [0, 1, 1, 0, 1]


def test_every_pass_is_a_fresh_one() -> None:
    calls = 0

    def turning(x: Tensor) -> Tensor:
        """Class 1 in the first two of five passes."""
        nonlocal calls
        calls += 1
        return torch.cat((0 * x, 0 * x + (1.0 if calls <= 2 else -1.0)), 1)

    answers = independent.replay(eb.wrap(turning), X, batch_size=99, passes=5)
    assert answers.label[:, 0].tolist() == [1, 1, 0, 0, 0]
    assert answers.success_rate(np.zeros(5, np.int64)).tolist() == [0.4] * 5


def test_memory_that_runs_out_halves_the_rows() -> None:
    sizes = []

    def tight(x: Tensor) -> Tensor:
        sizes.append(len(x))
        if len(x) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return net(x)

    assert independent.replay(eb.wrap(tight), X, batch_size=5).label.tolist() == [[0, 0, 0, 1, 1]]
    assert sizes == [5, 2, 2, 1]
    with pytest.raises(eb.ModelError, match="single input"):
        independent.replay(eb.wrap(lambda x: tight(x.repeat(3, 1))), X, batch_size=2)
    with pytest.raises(eb.ModelError, match="no disk"):
        independent.replay(eb.wrap(_raises), X, batch_size=2)
    with pytest.raises(eb.ModelError, match="sample 3"):
        independent.replay(eb.wrap(lambda x: torch.where(x > 0.35, math.nan, net(x))), X, batch_size=2)


def _raises(_: Tensor) -> Tensor:
    raise RuntimeError("no disk")


def test_no_input_is_no_question() -> None:
    answers = independent.replay(eb.wrap(_raises), X[:0], batch_size=2)
    assert answers.label.shape == (1, 0)


def test_levels_are_told_from_what_lies_between_them() -> None:
    x = np.array([[8 / 255, 1.0], [8 / 255 + 1e-3, 1.0], [0.0, 254.98 / 255]], np.float32)
    assert independent.on_levels(x, 0.0, 1.0, 256).tolist() == [True, False, False]
    assert independent.on_levels(x, 0.0, 1.0, None).all()
    assert independent.on_levels(x[:1], np.array([0.0, 1.0]), np.array([1.0, 1.0]), 256).all()
