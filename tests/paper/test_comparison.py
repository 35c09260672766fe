from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import epsball as eb
from epsball.paper.comparison import EXPERIMENT, NETWORKS, _compare
from epsball.paper.comparison_words import ORDER
from epsball.paper.experiment import Verdict, verdict
from epsball.paper.spaces import Space, pixels, whitened
from paper.counterfeit import changed, contradicts, supports
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value * 0.9, "high": value * 1.1, "n": 10}


def row(rho: float) -> dict[str, Any]:
    lengths = {"DeepFool": rho, "FGSM": 4 * rho, "L-BFGS": rho, "L-BFGS to a target": rho, "DeepFool, same images": rho}
    space = {attack: figure(value) for attack, value in lengths.items()} | {"eps": 0.1, "pairs": figure(1)}
    return {
        "error": figure(0.1),
        "space": "pixels",
        "success": {"DeepFool": figure(1), "L-BFGS": figure(1)},
        "rho": {"pixels": space, "own": space},
        "linf": {"DeepFool": figure(0.1), "FGSM": figure(0.3)},
        "seconds": {"DeepFool": 0.01, "FGSM": 0.001, "L-BFGS": 1.0},
    }


TRUE: dict[str, Any] = {
    "networks": {name: row(rho) for name, rho in zip(ORDER, (0.2, 0.1, 0.03, 0.02), strict=True)},
    "missing": {"caffenet": "no weights at models/caffenet.onnx"},
    "setting": "none",
}


def test_a_result_like_the_papers_holds_and_a_missing_network_does_not_count() -> None:
    supports(EXPERIMENT, TRUE)
    assert [check.measured for check in EXPERIMENT.judge(TRUE) if check.holds is None] == [
        "no weights at models/caffenet.onnx"
    ]


@pytest.mark.parametrize(
    ("path", "value", "statement"),
    [
        ("networks/nin/rho/own/FGSM", figure(0.02 * 3.4), "nin: DeepFool's ρ is at least 3.5 times smaller"),
        (
            "networks/nin/rho/own/L-BFGS",
            figure(0.02 / 1.06),
            "nin: there it is at most 1.05 times that of L-BFGS to any",
        ),
        ("networks/nin/rho/own/L-BFGS to a target", figure(0.02 / 1.06), "that of L-BFGS to a label drawn at random"),
        ("networks/nin/seconds/FGSM", 0.02, "nin: one DeepFool example takes longer"),
        ("networks/nin/seconds/L-BFGS", 0.005, "nin: one DeepFool example takes longer"),
        ("networks/nin/rho/own/DeepFool", figure(0.05), "in the paper's order"),
    ],
)
def test_a_counterfeit_flips_the_verdict(path: str, value: object, statement: str) -> None:
    contradicts(EXPERIMENT, changed(TRUE, [(path, value)]), statement)


def test_networks_that_are_all_missing_give_no_verdict_of_their_own() -> None:
    checks = tuple(check for check in EXPERIMENT.judge(TRUE) if "measured" in check.statement)
    assert verdict(checks) is Verdict.MISSING


@pytest.mark.parametrize("space", [pixels, whitened])
def test_on_an_affine_model_deepfool_and_lbfgs_agree_and_fgsm_is_further(space: Callable[[Tensor], Space]) -> None:
    x, y = samples()
    measured = _compare(eb.wrap(Affine()), (x, y), 20, space(x))
    assert measured["success"]["DeepFool"]["value"] == measured["success"]["L-BFGS"]["value"] == 1
    for rho in measured["rho"].values():
        assert rho["pairs"]["value"] == pytest.approx(1, abs=0.01)
        assert rho["FGSM"]["value"] > rho["DeepFool"]["value"]
        assert rho["L-BFGS to a target"]["value"] >= 0.99 * rho["L-BFGS"]["value"]
    assert set(TRUE["networks"]["nin"]) == {"error", *measured}
    assert {column.network for column in NETWORKS} == set(ORDER)
