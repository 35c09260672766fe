from __future__ import annotations

import pytest
import torch

import epsball as eb
from epsball.paper import precision
from epsball.paper.precision import (
    ACCURACY,
    ATTACKS,
    BELOW,
    EXPERIMENT,
    FOOLED,
    HALF,
    MOVED,
    NETWORKS,
    RANDOM,
    REAL,
    ROUNDED,
    SIZES,
    STEP,
)
from epsball.paper.rows import Rows
from paper.controls import changed, contradicts, number, supports
from toy import Affine, samples


def of_size(eps: float) -> Rows:
    rounded, moved = (0.0, 0) if eps == HALF else (0.008, 1000)
    return Rows(
        (
            number(0.008, 0.004, 1000).of(FOOLED, space=REAL, eps=eps),
            number(rounded, 0.004, 1000).of(FOOLED, space=ROUNDED, eps=eps),
            number(moved).of(MOVED, space=ROUNDED, eps=eps),
        )
    )


def of_network(name: str) -> Rows:
    rows = [of_size(eps).of(attack=attack) for eps in SIZES for attack in ATTACKS]
    return Rows.gathered([number(0.9).of(ACCURACY), *rows]).of(network=name)


TRUE = Rows.gathered(of_network(name) for name, _ in NETWORKS)


def test_a_result_like_the_claim_holds() -> None:
    supports(EXPERIMENT, TRUE, 3)
    assert "mlp-512 8 of 1,000: 0.8 %" in EXPERIMENT.findings(TRUE)[0].measured
    assert [len(table.filled(TRUE)) for table in EXPERIMENT.tables] == [len(SIZES) * 3] * len(NETWORKS)


PGD = {"network": "mlp-512", "attack": "PGD", "eps": BELOW, "quantity": FOOLED}


@pytest.mark.parametrize(
    ("keys", "value", "place"),
    [
        ({**PGD, "space": REAL}, 0.0, 0),
        ({**PGD, "space": ROUNDED}, 0.0, 1),
        ({"network": "mlp-512", "attack": RANDOM, "eps": HALF, "quantity": MOVED}, 1.0, 2),
    ],
)
def test_a_negative_control_flips_its_statement(keys: dict[str, object], value: float, place: int) -> None:
    contradicts(EXPERIMENT, changed(TRUE, value, **keys), [place])


def test_rounding_undoes_less_than_half_a_step_and_keeps_a_whole_one() -> None:
    grid = torch.arange(256).float() / 255
    assert torch.equal(precision.snap(grid), grid)
    inner = grid[1:-1]
    assert torch.equal(precision.snap(inner + 0.499 / 255), inner)
    assert torch.equal(precision.snap(inner - 0.499 / 255), inner)
    assert torch.equal(precision.snap(inner + 0.501 / 255), grid[2:])
    assert torch.equal(precision.snap(inner - 0.999 / 255), grid[:-2])


def test_images_at_a_boundary_fall_until_they_are_rounded() -> None:
    model, (x, _) = eb.wrap(Affine()), samples(200, wrong=0)
    x = precision.snap(x)
    found = eb.BinaryDeepFool()(model, x, model(x).argmax(1), eb.Threat("linf"))
    x = precision.snap(found.x)
    rows = precision.of_network(model, (x, model(x).argmax(1)), 3, tuple(SIZES), 0)
    assert rows.one(quantity=ACCURACY).value == 1
    half, below = (rows.where(attack="PGD", eps=eps) for eps in (HALF, BELOW))
    assert half.one(space=REAL).value > 0
    assert half.values(space=ROUNDED) == [0, 0]
    assert below.one(space=REAL).value >= half.one(space=REAL).value
    assert below.one(space=ROUNDED, quantity=FOOLED).value > 0
    assert rows.one(attack="FGSM", eps=STEP, quantity=MOVED).value == len(x)
