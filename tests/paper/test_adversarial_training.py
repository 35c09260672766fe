from __future__ import annotations

import pytest

import epsball as eb
from epsball.paper.adversarial_training import (
    ACCURACY,
    ATTACKS,
    CLEAN,
    EXPERIMENT,
    FAST,
    MINUTES,
    ONE_STEP,
    PARAMETERS,
    PGD_40,
    PGD_100,
    REQUIRED,
    RHO,
    STANDARD,
    STEPS,
    THREAT,
    TRANSFER,
    attacked,
)
from epsball.paper.rows import Rows
from paper.controls import changed, contradicts, holds, number, supports
from toy import Affine, samples


def network(arm: str, *accuracies: float, rho: float) -> Rows:
    rows = [number(value, 0.01).of(ACCURACY, attack=name) for name, value in zip(ATTACKS, accuracies, strict=True)]
    return Rows((*rows, number(rho, 0.01).of(RHO), number(12.0).of(MINUTES))).of(network=arm)


TRUE = Rows.gathered(
    [
        network(STANDARD, 0.99, 0.1, 0.0, 0.0, 0.2, rho=0.15),
        network(ONE_STEP, 0.98, 0.95, 0.3, 0.2, 0.9, rho=0.2),
        network(STEPS, 0.985, 0.95, 0.9, 0.89, 0.96, rho=0.4),
        number(166_406).of(PARAMETERS, network=STEPS),
        number(0.975).of(REQUIRED, network=STEPS, attack=CLEAN),
        number(0.85).of(REQUIRED, network=STEPS, attack=PGD_100),
    ]
)


def test_a_result_like_the_sources_holds() -> None:
    supports(EXPERIMENT, TRUE, 7)
    assert EXPERIMENT.findings(TRUE)[0].statement == "PGD-trained: at least 97.5% clean"
    assert EXPERIMENT.tables[0].filled(TRUE)[2][3] == "90.0 % (89.0 … 91.0) [90.4 %]"


@pytest.mark.parametrize(
    ("network", "quantity", "attack", "value", "place"),
    [
        (STEPS, ACCURACY, CLEAN, 0.97, 0),
        (STEPS, ACCURACY, PGD_100, 0.84, 1),
        (STEPS, MINUTES, "", 31.0, 2),
        (STEPS, PARAMETERS, "", 400_000.0, 2),
        (STANDARD, ACCURACY, PGD_40, 0.2, 3),
        (ONE_STEP, ACCURACY, PGD_40, 0.895, 4),
        (STANDARD, RHO, "", 0.395, 5),
        (STEPS, ACCURACY, TRANSFER, 0.8, 6),
        (STEPS, ACCURACY, TRANSFER, 0.915, 6),
    ],
)
def test_a_negative_control_flips_its_statement(
    network: str, quantity: str, attack: str, value: float, place: int
) -> None:
    contradicts(EXPERIMENT, changed(TRUE, value, network=network, quantity=quantity, attack=attack), [place])


def test_an_fgsm_arm_that_learnt_nothing_is_not_compared() -> None:
    for clean, expected in ((0.81, True), (0.79, None)):
        rows = changed(TRUE, clean, network=ONE_STEP, quantity=ACCURACY, attack=CLEAN)
        assert holds(EXPERIMENT, rows)[4] is expected
        assert ("classifies only" in EXPERIMENT.findings(rows)[4].measured) is (expected is None)


def test_transfer_looks_at_where_the_attack_ends() -> None:
    x, y = samples()
    model, other = eb.wrap(Affine()), eb.wrap(Affine(3))
    ends = eb.PGD().maximise(other, x, y, THREAT, seed=0)
    successes = eb.PGD()(other, x, y, THREAT, seed=0).x
    left = [(model(points).argmax(1) == y).double().mean().item() for points in (ends, successes)]
    assert left[0] != left[1]
    rows = attacked(model, (x, y), THREAT, len(y), 1, other, 0)
    assert rows.one(attack=TRANSFER).value == pytest.approx(left[0])


def test_an_affine_model_is_looked_at_from_all_sides() -> None:
    rows = attacked(eb.wrap(Affine()), samples(), THREAT, 20, 2, eb.wrap(Affine(3)), 0)
    assert rows.one(quantity=ACCURACY, attack=CLEAN).value == 0.9
    assert rows.one(attack=PGD_100).value <= rows.one(attack=FAST).value == 0
    assert rows.values("attack", quantity=ACCURACY) == list(ATTACKS)
    assert len(rows.where(quantity=RHO)) == 1
