from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from epsball.attacks import PGD
from epsball.models.wrap import wrap
from epsball.paper import capacity
from epsball.paper.capacity import (
    ACCURACY,
    EXPERIMENT,
    LOSS,
    ONE_STEP,
    ROBUST_ACCURACY,
    STANDARD,
    STEPS,
    TEST,
    TRAINING,
)
from epsball.paper.rows import Rows
from paper.controls import changed, contradicts, holds, number, supports
from toy import Affine, samples

SCALES = (1.0, 2.0, 4.0, 8.0, 16.0)
KEYS = ((ACCURACY, ""), (ACCURACY, ONE_STEP), (ACCURACY, STEPS), (LOSS, STEPS))


def network(arm: str, *cells: tuple[float, ...]) -> Rows:
    return Rows.gathered(
        number(value, 0.01, 1000).of(quantity, attack=attack, x=scale)
        for scale, cell in zip(SCALES, cells, strict=True)
        for (quantity, attack), value in zip(KEYS, cell, strict=True)
    ).of(network=arm)


def rate(x: float, training: float, test: float) -> Rows:
    sides = {TRAINING: training, TEST: test}.items()
    return Rows.gathered(number(value, 0.01, 1000).of(ROBUST_ACCURACY, data=side) for side, value in sides).of(x=x)


LOWER = (
    (0.7, 0.4, 0.2, 2.2),
    (0.8, 0.5, 0.4, 1.8),
    (0.9, 0.7, 0.6, 1.2),
    (0.95, 0.8, 0.7, 0.8),
    (0.97, 0.9, 0.85, 0.5),
)
TRUE = Rows.gathered(
    [
        network(STANDARD, *((0.98, 0.02, 0.0, 20.0),) * 5),
        network(ONE_STEP, *((0.97, 0.95, 0.02, 8.0),) * 5),
        network(STEPS, *LOWER),
        *(rate(*each) for each in ((1e-3, 0.80, 0.75), (2e-3, 0.85, 0.75), (4e-3, 0.90, 0.70))),
    ]
)


def clean(rows: Rows, value: float, scale: float, arm: str = STEPS) -> Rows:
    return changed(rows, value, quantity=ACCURACY, network=arm, attack="", x=scale)


def loss(rows: Rows, value: float, scale: float) -> Rows:
    return changed(rows, value, quantity=LOSS, network=STEPS, x=scale)


def test_a_result_like_the_sources_holds() -> None:
    supports(EXPERIMENT, TRUE, 6)
    assert [len(table.filled(TRUE)) for table in EXPERIMENT.tables] == [15, 3]


def test_negative_controls_flip_their_statements() -> None:
    contradicts(EXPERIMENT, clean(clean(TRUE, 0.95, 1), 0.98, 16), [0])  # small networks lose nothing
    contradicts(EXPERIMENT, clean(TRUE, 0.69, 16), [1])  # large ones lose as much
    contradicts(EXPERIMENT, loss(loss(TRUE, 0.8, 2), 1.8, 8), [2])  # no order
    nothing_learns = TRUE
    for place, scale in enumerate(SCALES):
        nothing_learns = loss(nothing_learns, 2.3 - 0.001 * place, scale)
    contradicts(EXPERIMENT, nothing_learns, [3])
    contradicts(EXPERIMENT, changed(TRUE, 0.8, quantity=ACCURACY, network=ONE_STEP, attack=STEPS), [4])
    contradicts(EXPERIMENT, changed(TRUE, 0.5, quantity=ROBUST_ACCURACY, data=TEST, x=1e-3), [5])


def test_a_difference_within_its_interval_is_none() -> None:
    assert holds(EXPERIMENT, changed(TRUE, 0.84, quantity=ROBUST_ACCURACY, data=TEST, x=4e-3))[-1] is False


def test_rates_that_do_not_learn_are_not_compared() -> None:
    assert holds(EXPERIMENT, changed(TRUE, 0.11, quantity=ROBUST_ACCURACY, x=(2e-3, 4e-3)))[-1] is None


@pytest.mark.parametrize(
    ("values", "expected"), [((1, 2, 3, 4), 1), ((9, 5, 1), -1), ((1, 3, 2), 0.5), ((2, 1, 4, 3, 5), 0.8)]
)
def test_rank_correlation(values: tuple[float, ...], expected: float) -> None:
    assert capacity.rank_correlation(values) == pytest.approx(expected)


def test_networks_that_learnt_nothing_do_not_count_as_leaking() -> None:
    rows = TRUE
    for scale in SCALES[:-1]:  # a network that guesses loses all of nothing
        rows = clean(rows, 0.1, scale, ONE_STEP)
    rows = changed(rows, 0.9, quantity=ACCURACY, network=ONE_STEP, attack=STEPS, x=16)
    leak = EXPERIMENT.findings(rows)[4]
    assert leak.holds is False
    assert "scale 8" not in leak.measured
    leak = EXPERIMENT.findings(clean(rows, 0.49, 16, ONE_STEP))[4]
    assert leak.holds is None
    assert "nothing to compare" in leak.measured


def test_strength_of_an_affine_model() -> None:
    model, (x, y) = wrap(Affine()), samples(40, wrong=4)
    rows = capacity.strength(model, (x, y), PGD(steps=5), seed=0)
    points = PGD(steps=5).maximise(model, x, y, capacity.THREAT, seed=0)
    with torch.no_grad():
        expected = F.cross_entropy(Affine()(points).double(), y)
    clean, fgsm, pgd = rows.values(quantity=ACCURACY)
    assert clean == pytest.approx(0.9)
    assert rows.one(quantity=LOSS).value == pytest.approx(expected.item(), rel=1e-5)
    assert pgd <= fgsm <= 0.9
    assert capacity.robust(model, (x, y), PGD(steps=5), seed=0).values() == [pgd]
