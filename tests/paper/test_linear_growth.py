from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch

import epsball as eb
from epsball.models.networks.catalogue import build
from epsball.paper.linear_growth import EXPERIMENT, INPUTS, NETWORKS, WEIGHTS
from epsball.paper.linear_units import (
    ACCURACY,
    BOXED,
    BUDGETS,
    EPS,
    GROWTH,
    INITIAL,
    MAGNITUDE,
    OFF,
    SCALED,
    TRAINED,
    Resize,
    growth,
    of_size,
    scaled,
    slope,
)
from epsball.paper.rows import Rows
from epsball.paper.straightness import BENDS, EXPLAINED, MARGIN, POINTS, along, bends, straightness
from paper.controls import changed, contradicts, number, supports
from toy import Affine, samples

if TYPE_CHECKING:
    from epsball.paper.rows import Row


def size(n: int, seed: int) -> Rows:
    unit = {MAGNITUDE: 0.1, GROWTH: EPS * 0.1 * n, OFF: 1e-6, BOXED: EPS * 0.05 * n}
    rows: list[Row] = [number(value).of(name, network=kind) for kind in WEIGHTS for name, value in unit.items()]
    rows += [number(0.9 - 2 * e * math.log(n), 0.01).of(ACCURACY, network=TRAINED, eps=e) for e in BUDGETS]
    return Rows(tuple(rows)).of(x=float(n), seed=seed)


def path(name: str) -> Rows:
    explained = ((1, 0.98), (2, 0.99), (4, 0.999))
    rows = [number(value, 0.01).of(EXPLAINED, x=float(pieces)) for pieces, value in explained]
    margins = (number(value).of(MARGIN, eps=eps) for eps, value in ((0.0, 1.0), (0.15, 0.0), (0.3, -1.0)))
    return Rows((*rows, number(3.0).of(BENDS), *margins)).of(network=name)


TRUE = Rows.gathered([*(size(n, seed) for seed in range(2) for n in INPUTS), *map(path, NETWORKS)])


def test_a_result_like_the_claim_holds() -> None:
    supports(EXPERIMENT, TRUE, 4)


def like_the_root(kind: str) -> Rows:
    rows = TRUE
    for n in INPUTS:
        rows = changed(rows, math.sqrt(n), quantity=GROWTH, network=kind, x=n)
    return rows


def test_negative_controls_flip_their_statements() -> None:
    contradicts(EXPERIMENT, changed(TRUE, 2e-4, quantity=OFF, network=INITIAL, seed=1, x=INPUTS[2]), [0])
    contradicts(EXPERIMENT, like_the_root(SCALED), [0])
    contradicts(EXPERIMENT, like_the_root(TRAINED), [1])
    small = TRUE.one(quantity=ACCURACY, seed=1, x=INPUTS[0], eps=0.05)
    as_robust = changed(TRUE, small, quantity=ACCURACY, seed=1, x=INPUTS[-1], eps=0.05)
    contradicts(EXPERIMENT, as_robust, [2])
    contradicts(EXPERIMENT, changed(TRUE, 0.9, quantity=EXPLAINED, network="lenet-mnist", x=1), [3])


def test_images_of_another_side() -> None:
    x = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Resize(4)(x), x)
    torch.testing.assert_close(Resize(2)(x)[0, 0, 0, 1], x[0, 0, :2, 2:].mean())
    larger = Resize(8)(torch.full((1, 1, 4, 4), 0.25))
    assert torch.equal(larger, torch.full((1, 1, 8, 8), 0.25))


def test_the_growth_is_that_of_the_weights() -> None:
    layer = torch.nn.Linear(16, 2)
    with torch.no_grad():
        layer.weight[:] = torch.tensor([0.5, -0.25]).repeat(16).reshape(2, 16)
    net, x = torch.nn.Sequential(torch.nn.Flatten(), layer), torch.zeros(3, 1, 4, 4)
    found = growth(net, x)
    grown = found.one(quantity=GROWTH).value
    assert grown == pytest.approx(EPS * 0.375 * 16)
    assert found.one(quantity=BOXED).value == pytest.approx(EPS * 0.5 * 8)  # below 0 nothing is left to take away
    assert found.one(quantity=MAGNITUDE).value == 0.375
    assert found.one(quantity=OFF).value < 1e-6
    assert growth(scaled(net, 0.75), x).one(quantity=GROWTH).value == pytest.approx(2 * grown)
    assert growth(net, x) == found


def test_only_softmax_regressions_have_a_growth() -> None:
    with pytest.raises(eb.InputError, match="softmax regression"):
        growth(
            torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2), torch.nn.ReLU()), torch.zeros(1, 1, 4, 4)
        )


def test_one_size_is_measured() -> None:
    start = build("linear", shape=(1, 8, 8), classes=4)
    trained = eb.wrap(torch.nn.Sequential(Resize(8), start))
    rows = of_size(eb.wrap(start), trained, samples(20), (EPS, 10, BUDGETS))
    assert (
        rows.where(network=TRAINED, quantity=(GROWTH, OFF)).values()
        == rows.where(network=INITIAL, quantity=(GROWTH, OFF)).values()
    )
    assert rows.one(network=SCALED, quantity=MAGNITUDE).value == pytest.approx(0.1)
    left = rows.where(quantity=ACCURACY)
    assert left.values("eps") == list(BUDGETS)
    assert left.values() == sorted(left.values(), reverse=True)
    with pytest.raises(eb.InputError, match="without weights"):
        of_size(eb.wrap(lambda x: x), trained, samples(20), (EPS, 10, BUDGETS))


def test_slope_of_a_power_law() -> None:
    assert slope([1, 10, 100], [2, 20 * 10**0.5, 2000]) == pytest.approx(1.5)


def test_a_straight_path_is_straight() -> None:
    t = torch.linspace(0, 1, 61, dtype=torch.float64)
    line, bent = torch.stack([t, 3 - 2 * t], 1), torch.stack([(t - 0.5).abs(), t * 0], 1)
    z = torch.stack([line, bent])
    assert straightness(z).tolist() == pytest.approx([1, 0], abs=1e-12)
    assert straightness(z, 2)[1].item() > 0.99
    assert bends(z).tolist() == [0, 1]


def test_an_affine_classifier_runs_straight() -> None:
    rows = along(eb.wrap(Affine()), samples(10, wrong=0))
    assert rows.one(quantity=EXPLAINED, x=1).value == pytest.approx(1, abs=1e-9)
    assert rows.one(quantity=BENDS).value == 0
    margin = rows.values(quantity=MARGIN)
    assert len(margin) == POINTS
    assert margin[0] == 1 > margin[-1]
    assert rows.values("eps", quantity=MARGIN)[-1] == pytest.approx(0.3)
