from __future__ import annotations

from typing import Any

import pytest

import epsball as eb
from epsball.paper.adversarial_training import COLUMNS, EXPERIMENT, THREAT, _look
from paper.counterfeit import changed, contradicts, supports
from toy import Affine, samples


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 100}


def row(*accuracies: float, rho: float) -> dict[str, Any]:
    shares = dict(zip(COLUMNS, accuracies, strict=True))
    return {
        **{name: figure(value) for name, value in shares.items()},
        "rho": figure(rho),
        "minutes": 12.0,
        "epochs": 14,
    }


TRUE: dict[str, Any] = {
    "networks": {
        "standard": row(0.99, 0.1, 0.0, 0.0, 0.2, rho=0.15),
        "FGSM": row(0.98, 0.95, 0.3, 0.2, 0.9, rho=0.2),
        "PGD": row(0.985, 0.95, 0.9, 0.89, 0.96, rho=0.4),
    },
    "parameters": 166_406,
    "asked": {"clean": 0.975, "PGD-100": 0.85},
    "setting": "none",
}


def test_a_result_like_the_sources_holds() -> None:
    supports(EXPERIMENT, TRUE)


@pytest.mark.parametrize(
    ("path", "value", "statement"),
    [
        ("networks/PGD/clean", figure(0.97), "97.5% clean"),
        ("networks/PGD/PGD-100", figure(0.84), "85% under PGD"),
        ("networks/PGD/minutes", 31.0, "30 minutes"),
        ("parameters", 400_000, "350,000 parameters"),
        ("networks/standard/PGD-40", figure(0.2), "standard training leaves"),
        ("networks/FGSM/PGD-40", figure(0.895), "more under PGD than FGSM training"),
        ("networks/standard/rho", figure(0.395), "beyond the threat"),
        ("networks/PGD/transfer", figure(0.8), "black box"),
        ("networks/PGD/transfer", figure(0.915), "black box"),
    ],
)
def test_a_counterfeit_flips_the_verdict(path: str, value: object, statement: str) -> None:
    contradicts(EXPERIMENT, changed(TRUE, [(path, value)]), statement)


def test_an_fgsm_arm_that_learnt_nothing_is_not_compared() -> None:
    place = next(i for i, check in enumerate(EXPERIMENT.judge(TRUE)) if "than FGSM training" in check.statement)
    for clean, holds in ((0.81, True), (0.79, None)):
        check = EXPERIMENT.judge(changed(TRUE, [("networks/FGSM/clean", figure(clean))]))[place]
        assert check.holds is holds
        assert ("classifies only" in check.measured) is (holds is None)


def test_transfer_looks_at_where_the_attack_ends() -> None:
    x, y = samples()
    model, other = eb.wrap(Affine()), eb.wrap(Affine(3))
    ends = eb.PGD().maximise(other, x, y, THREAT, seed=0)
    hits = eb.PGD()(other, x, y, THREAT, seed=0).x
    left = [(model(points).argmax(1) == y).double().mean().item() for points in (ends, hits)]
    assert left[0] != left[1]
    assert _look(model, (x, y), len(y), 1, other, 0)["transfer"]["value"] == pytest.approx(left[0])


def test_an_affine_model_is_looked_at_from_all_sides() -> None:
    x, y = samples()
    model = eb.wrap(Affine())
    seen = _look(model, (x, y), 20, 2, eb.wrap(Affine(3)), 0)
    assert seen["clean"]["value"] == 0.9
    assert seen["PGD-100"]["value"] <= seen["FGSM"]["value"] == 0
    assert set(seen) == {*COLUMNS, "rho"}
