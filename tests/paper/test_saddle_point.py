from __future__ import annotations

import pytest
import torch

import epsball as eb
from epsball.paper import saddle_point
from epsball.paper.networks import ROBUST_EPS
from epsball.paper.rows import Row, Rows
from epsball.paper.saddle_point import (
    ACCURACY,
    APART,
    BELOW,
    CLIMB,
    DEVIATION,
    DISTINCT,
    EUCLIDEAN,
    EXPERIMENT,
    HIGHEST,
    INNER,
    KINDS,
    LABEL,
    LARGEST,
    MEAN,
    MIDDLE,
    OUTLYING,
    PERCENTILE,
    QUARTILES,
    RANDOM,
    START,
    relative,
)
from paper.controls import changed, contradicts, number, supports
from toy import Affine, samples


def image(centre: float, name: str) -> Rows:
    quantities = {
        LABEL: 7.0,
        START: 0.01 * centre,
        MEAN: centre,
        DEVIATION: 0.05 * centre,
        LARGEST: 0.55,
        EUCLIDEAN: 4.0,
        RANDOM: 4.2,
        DISTINCT: 1000.0,
        MIDDLE: 0.8 * centre,
        BELOW: 0.99,
    }
    rows = [number(value).of(quantity) for quantity, value in quantities.items()]
    rows += [number(centre * (0.9 + 0.002 * place)).of(PERCENTILE, x=float(place)) for place in range(101)]
    rows += [
        Row(0.01 * centre, 0.005 * centre, 0.02 * centre, 20, CLIMB),
        number(centre, 0.1 * centre).of(CLIMB, x=20.0),
    ]
    return Rows(tuple(rows)).of(data=name, attack="PGD")


def network(kind: str, centre: float) -> Rows:
    images = (image(centre, "image 0"), image(1.3 * centre, "image 1"))
    return Rows.gathered([number(0.98, 0.01).of(ACCURACY), *images]).of(network=kind)


STANDARD, ROBUST = KINDS
TRUE = Rows.gathered([network(STANDARD, 20.0), network(ROBUST, 0.5)])


def scattered(kind: str) -> Rows:
    rows = TRUE
    for name in ("image 0", "image 1"):
        mean = TRUE.one(quantity=MEAN, network=kind, data=name).value
        for place in range(101):
            keys = {"quantity": PERCENTILE, "network": kind, "data": name, "x": place}
            rows = changed(rows, mean * (0.5 + 0.01 * place), **keys)
    return rows


def test_a_result_like_the_claim_holds() -> None:
    supports(EXPERIMENT, TRUE, 10)
    assert [len(table.filled(TRUE)) for table in EXPERIMENT.tables] == [4, 4]


@pytest.mark.parametrize(("first", "kind"), [(1, STANDARD), (5, ROBUST)])
def test_negative_controls_flip_their_statements(first: int, kind: str) -> None:
    contradicts(EXPERIMENT, scattered(kind), [first])
    top = 3 * TRUE.one(quantity=MEAN, network=kind, data="image 1").value
    outlier = changed(TRUE, top, quantity=PERCENTILE, network=kind, data="image 1", x=100)
    contradicts(EXPERIMENT, outlier, [first + 1])
    contradicts(EXPERIMENT, changed(TRUE, 0.1, quantity=EUCLIDEAN, network=kind), [first + 2])
    contradicts(EXPERIMENT, changed(TRUE, 0.01, quantity=BELOW, network=kind), [first + 3])


def test_a_network_that_guesses_or_whose_losses_are_as_high_is_seen() -> None:
    contradicts(EXPERIMENT, changed(TRUE, 0.11, quantity=ACCURACY, network=ROBUST), [0])
    contradicts(EXPERIMENT, Rows.gathered([network(STANDARD, 20.0), network(ROBUST, 20.0)]), [9])


def test_losses_that_are_all_the_same_are_no_outliers() -> None:
    rows = TRUE
    for name in ("image 0", "image 1"):
        keys = {"network": ROBUST, "data": name}
        rows = changed(rows, TRUE.one(quantity=MEAN, **keys).value, quantity=PERCENTILE, **keys)
    assert {finding.holds for finding in EXPERIMENT.findings(rows)} == {True}


def test_part_of_a_climb_is_a_climb() -> None:
    model, (x, y) = eb.wrap(Affine()), samples(8, wrong=0)
    ids, steps = torch.arange(8), 5
    before = saddle_point.climbed(model, x, y, ids, 0, steps, seed=3)
    assert bool(saddle_point.THREAT.contains(before, x).all())
    for done in range(1, steps + 1):
        leaf = before.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(model(leaf), y, reduction="sum"), leaf)
        by_hand = saddle_point.THREAT.ascend(before, gradient, 2.5 / steps * ROBUST_EPS, x)
        before = saddle_point.climbed(model, x, y, ids, done, steps, seed=3)
        torch.testing.assert_close(before, by_hand)


def test_apart() -> None:
    ends = torch.zeros(3, 1, 2, 2)
    ends[1] += 0.001  # the same maximum
    ends[2, 0, 0, 0] = 0.3
    found = saddle_point.apart(ends)
    assert found[DISTINCT] == 2
    assert found[LARGEST] == pytest.approx((0.001 + 0.3 + 0.299) / 3, rel=1e-4)
    far = (0.299**2 + 3 * 0.001**2) ** 0.5
    assert found[EUCLIDEAN] == pytest.approx((0.002 + 0.3 + far) / 3, rel=1e-4)


@pytest.mark.parametrize(("sign", "fraction"), [(1, 1.0), (-1, 0.0)])
def test_a_valley_between_two_maxima_is_a_dip(sign: float, fraction: float) -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        height = sign * ((x.flatten(1) - 0.5) ** 2).sum(1)  # a valley or a hill at 1/2
        return torch.stack((-height, height), 1)

    ends = torch.tensor([0.2, 0.3, 0.8, 0.7]).reshape(4, 1, 1, 1)
    y = torch.zeros(4, dtype=torch.int64)
    losses = saddle_point.losses(eb.wrap(model), ends, y)
    found = saddle_point.dip(eb.wrap(model), ends, losses, y)
    assert found[BELOW] == fraction
    assert found[MIDDLE] == pytest.approx(torch.tensor(2.0).log().item())


def test_spread() -> None:
    rows = relative(image(2.0, "image 0").of(network=STANDARD))
    found = {row.quantity: row.value for row in rows}
    expected = {QUARTILES: 0.1, INNER: 0.196, DEVIATION: 0.05, HIGHEST: 1.1, OUTLYING: 1 / 98, APART: 4 / 4.2}
    assert {quantity: found[quantity] for quantity in expected} == pytest.approx(expected)
