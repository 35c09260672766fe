from __future__ import annotations

from typing import Any

import pytest
import torch

import epsball as eb
from epsball.paper.fine_tuning import EPOCHS, EXPERIMENT, FULL, Bench, Case, _arms, _tuned
from epsball.paper.fine_tuning import QUICK as TUNED_QUICKLY
from epsball.paper.fine_tuning_words import CURVES
from epsball.paper.networks import QUICK
from epsball.paper.spaces import pixels
from epsball.training.recipe import adam, recipe_for
from paper.counterfeit import changed, contradicts, supports
from toy import Affine, samples


def look(rho: float) -> dict[str, Any]:
    return {
        part: {"value": value, "low": value, "high": value, "n": 9} for part, value in (("error", 0.1), ("rho", rho))
    }


def arm(rho: float) -> list[list[dict[str, Any]]]:
    return [[look(rho)] * EPOCHS, [look(1.01 * rho)] * EPOCHS]


ENDS = {"clean": 0.1, "DeepFool": 0.15, "FGSM": 0.05, "DeepFool × 2": 0.08, "DeepFool × 3": 0.04}
TRUE: dict[str, Any] = {
    "networks": {name: {"before": look(0.1), "arms": {key: arm(rho) for key, rho in ENDS.items()}} for name in CURVES},
    "setting": "none",
}


def test_a_result_like_the_papers_holds() -> None:
    supports(EXPERIMENT, TRUE)


@pytest.mark.parametrize(
    ("path", "rho", "statement"),
    [("DeepFool", 0.04, "nin (a)"), ("FGSM", 0.2, "nin (a)"), ("DeepFool × 3", 0.11, "nin (b)")],
)
def test_a_counterfeit_flips_the_verdict(path: str, rho: float, statement: str) -> None:
    contradicts(EXPERIMENT, changed(TRUE, [(f"networks/nin/arms/{path}", arm(rho))]), statement)


def test_seeds_that_disagree_decide_nothing() -> None:
    tuned = {"DeepFool": [0.3, 0.1, 0.04], "FGSM": [0.05, 0.05, 0.05], "DeepFool × 3": [0.04, 0.04, 0.04]}
    arms = {key: [[look(rho)] * EPOCHS for rho in seeds] for key, seeds in tuned.items()}
    contradicts(
        EXPERIMENT, changed(TRUE, [("networks/nin/arms", {**TRUE["networks"]["nin"]["arms"], **arms})]), "nin (a)"
    )


def test_one_seed_decides_nothing() -> None:
    arms = {key: [seeds[0]] for key, seeds in TRUE["networks"]["nin"]["arms"].items()}
    measured = changed(TRUE, [("networks/nin/arms", arms)])
    checks = [check for check in EXPERIMENT.judge(measured) if check.statement.startswith("nin")]
    assert [check.holds for check in checks] == [None, None]
    assert all(check.measured.endswith("one seed, which decides nothing") for check in checks)


def test_a_network_that_classifies_nothing_any_more_is_not_compared() -> None:
    measured = changed(TRUE, [("networks/nin/arms/FGSM/1/4/rho", None)])
    checks = [check for check in EXPERIMENT.judge(measured) if check.statement.startswith("nin")]
    assert [check.holds for check in checks] == [None, True]
    assert checks[0].measured.endswith("nothing to compare")
    assert all(len(row) == len(table.columns) for table in EXPERIMENT.tables(measured) for row in table.rows)
    assert len(EXPERIMENT.pictures(measured)) == len(CURVES)


def test_tables_show_intervals() -> None:
    rho, error = EXPERIMENT.tables(TRUE)
    assert rho.rows[0][3].startswith("0.101 (0.0941 …")
    assert " … " in error.rows[0][2]


def test_adams_networks_are_tuned_at_half_the_rate_of_their_training() -> None:
    for case in TUNED_QUICKLY:
        assert case.rate == QUICK[case.network].rate / 2
    for case in FULL:
        recipe = recipe_for(case.network, case.data)
        assert case.rate == (recipe.rate / 2 if recipe.optimiser is adam else 2.5e-4)


def test_the_arms_are_what_their_names_say() -> None:
    x, y = samples()
    model = eb.wrap(Affine())
    arms = {name: make() for name, make in _arms(pixels(x).view(model, x), y).items()}
    step = arms["DeepFool"] - x
    assert torch.equal(arms["clean"], x)
    assert bool((step[6:].flatten(1).norm(dim=1) > 0).all())
    assert torch.equal(model(arms["DeepFool"]).argmax(1)[6:] == y[6:], torch.zeros(len(y) - 6, dtype=torch.bool))
    assert torch.allclose(arms["DeepFool × 3"] - x, 3 * step, atol=1e-6)
    assert float((model(arms["FGSM"]).argmax(1) != y).double().mean()) >= 0.9


def test_tuning_is_looked_at_after_every_epoch() -> None:
    x, y = samples()
    model, case = eb.wrap(Affine()), Case("toy", "mnist", 1e-2, 60, 20)
    bench = Bench((x, y), (x[:20], y[:20]), pixels(x))
    before, after = bench.look(model), _tuned(model, lambda: x, y, case, bench, 0)
    assert len(after) == EPOCHS
    assert before["error"]["value"] == 0.1
    assert len({seen["rho"]["value"] for seen in [before, *after]}) == EPOCHS + 1
