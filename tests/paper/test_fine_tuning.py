from __future__ import annotations

import pytest
import torch

import epsball as eb
from epsball.paper.experiment import verdict
from epsball.paper.fine_tuning import EXPERIMENT, FULL, Bench, Case, arms_of, tuned
from epsball.paper.fine_tuning import QUICK as TUNED_QUICKLY
from epsball.paper.fine_tuning_text import ARMS, CLEAN, CURVES, DEEPFOOL, EPOCHS, ERROR, FGSM, RHO, THRICE
from epsball.paper.networks import QUICK
from epsball.paper.rows import Rows
from epsball.paper.spaces import pixels
from epsball.training.recipe import adam, recipe_for
from paper.controls import NOTHING, changed, contradicts, holds, number, shown, supports
from toy import Affine, samples


def look(rho: float, epoch: int, seed: int) -> Rows:
    return Rows((number(0.1).of(ERROR), number(rho).of(RHO))).of(x=float(epoch), seed=seed)


def arm(name: str, rho: float) -> Rows:
    """Two seeds that differ a little."""
    looks = (look((1, 1.01)[seed] * rho, epoch, seed) for seed in range(2) for epoch in range(1, EPOCHS + 1))
    return Rows.gathered(looks).of(data=name)


ENDS = dict(zip(ARMS, (0.1, 0.15, 0.05, 0.08, 0.04), strict=True))
TRUE = Rows.gathered(
    part.of(network=name)
    for name in CURVES
    for part in (look(0.1, 0, 0), *(arm(key, rho) for key, rho in ENDS.items()))
)
NIN = 2 * list(CURVES).index("nin")
"""The place of its first statement; its second follows."""


def test_a_result_like_the_papers_holds() -> None:
    supports(EXPERIMENT, TRUE, 2 * len(CURVES))
    rho, error = EXPERIMENT.tables
    assert rho.filled(TRUE)[0][3].startswith("0.101 (0.0941 …")
    assert " … " in error.filled(TRUE)[0][2]


@pytest.mark.parametrize(("name", "rho", "place"), [(DEEPFOOL, 0.04, 0), (FGSM, 0.2, 0), (THRICE, 0.11, 1)])
def test_a_negative_control_flips_its_statement(name: str, rho: float, place: int) -> None:
    other = arm(name, rho).of(network="nin")
    rest = Rows(tuple(row for row in TRUE if (row.network, row.data) != ("nin", name)))
    contradicts(EXPERIMENT, Rows.gathered([rest, other]), [NIN + place])


def test_seeds_that_disagree_decide_nothing() -> None:
    last = {"network": "nin", "quantity": RHO, "x": EPOCHS, "data": DEEPFOOL}
    contradicts(EXPERIMENT, changed(changed(TRUE, 0.3, seed=0, **last), 0.04, seed=1, **last), [NIN])


def test_one_seed_decides_nothing() -> None:
    rows = TRUE.where(seed=0)
    assert set(holds(EXPERIMENT, rows)) == {None}
    assert all(each.measured.endswith("one seed, which decides nothing") for each in EXPERIMENT.findings(rows))
    assert verdict(EXPERIMENT.findings(rows)).value == "not measured"


def test_a_network_that_classifies_nothing_any_more_is_not_compared() -> None:
    rows = changed(TRUE, NOTHING, network="nin", quantity=RHO, x=EPOCHS, data=FGSM, seed=1)
    assert holds(EXPERIMENT, rows)[NIN : NIN + 2] == [None, True]
    assert EXPERIMENT.findings(rows)[NIN].measured.endswith("nothing to compare")
    shown(EXPERIMENT, rows)


def test_adams_networks_are_tuned_at_half_the_rate_of_their_training() -> None:
    for case in TUNED_QUICKLY:
        assert case.rate == QUICK[case.network].rate / 2
    for case in FULL:
        recipe = recipe_for(case.network, case.data)
        assert case.rate == (recipe.rate / 2 if recipe.optimiser is adam else 2.5e-4)


def test_the_arms_are_what_their_names_say() -> None:
    x, y = samples()
    model = eb.wrap(Affine())
    arms = {name: make() for name, make in arms_of(pixels(x).view(model, x), y).items()}
    step = arms[DEEPFOOL] - x
    assert tuple(arms) == ARMS
    assert torch.equal(arms[CLEAN], x)
    assert bool((step[6:].flatten(1).norm(dim=1) > 0).all())
    assert torch.equal(model(arms[DEEPFOOL]).argmax(1)[6:] == y[6:], torch.zeros(len(y) - 6, dtype=torch.bool))
    assert torch.allclose(arms[THRICE] - x, 3 * step, atol=1e-6)
    assert float((model(arms[FGSM]).argmax(1) != y).double().mean()) >= 0.9


def test_tuning_is_looked_at_after_every_epoch() -> None:
    x, y = samples()
    model, case = eb.wrap(Affine()), Case("toy", "mnist", 1e-2, 60, 20)
    bench = Bench((x, y), (x[:20], y[:20]), pixels(x))
    before, after = bench.look(model), tuned(lambda: x, model, (x, y), case, bench, 0)
    assert after.values("x", quantity=RHO) == list(range(1, EPOCHS + 1))
    assert before.one(quantity=ERROR).value == 0.1
    assert len({before.one(quantity=RHO).value, *after.values(quantity=RHO)}) == EPOCHS + 1
