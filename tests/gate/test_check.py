"""`eb.check`: evaluate on the baseline's samples, and judge the drop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

import epsball as eb
from epsball.errors import InputError
from epsball.gate import Baseline, read_baseline
from gated import QUICK, THREAT, worse
from toy import Affine, samples

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

Data = tuple["Tensor", "Tensor"]


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_weights_pass_under_any_seed(data: Data, file: Path, seed: int) -> None:
    verdict = eb.check(Affine(), data, THREAT, file, suite=QUICK, seed=seed)
    assert verdict.passed is True
    assert verdict.run.plan.seed == seed
    assert verdict.interval is not None
    assert verdict.interval[0] <= 0 <= verdict.interval[1] <= 0.02


def test_a_worse_model_fails_and_says_which_samples(data: Data, baseline: Baseline) -> None:
    verdict = eb.check(worse(), data, THREAT, baseline, max_drop="2pt", suite=QUICK)
    assert verdict.passed is False
    run, pairs = verdict.run, verdict.pairs
    assert pairs is not None
    stands = dict(zip(run.ids.tolist(), (run.upper > run.eps).tolist(), strict=True))
    before = dict(zip(baseline.ids, baseline.robust, strict=True))
    assert set(pairs.lost_ids) == {sample for sample in before if before[sample] and not stands[sample]}
    assert set(pairs.won_ids) == {sample for sample in before if stands[sample] and not before[sample]}
    assert verdict.bounds[0].value == pytest.approx(sum(baseline.robust) / 400 - run.robust_accuracy())
    assert "robust accuracy fell by" in verdict.reason


def test_a_little_worse_is_undecided(data: Data, file: Path) -> None:
    verdict = eb.check(worse(0.2), data, THREAT, file, suite=QUICK)
    assert verdict.passed is None
    assert verdict.bounds[0].needed is not None
    assert verdict.bounds[0].needed > 400


def test_the_samples_of_the_baseline_are_found_among_others(data: Data, file: Path) -> None:
    x, y = samples(80, wrong=0, seed=9)
    more, ids = (
        (torch.cat([x, data[0].flip(0)]), torch.cat([y, data[1].flip(0)])),
        [*range(1000, 1080), *range(399, -1, -1)],
    )
    verdict = eb.check(Affine(), more, THREAT, file, suite=QUICK, ids=ids)
    assert verdict.passed is True
    assert verdict.run.ids.tolist() == list(range(400))


def test_within_a_budget_the_pairs_are_those_that_were_evaluated(data: Data, file: Path) -> None:
    verdict = eb.check(worse(), data, THREAT, file, suite=QUICK, budget="9 rounds")
    assert verdict.pairs is not None
    assert verdict.pairs.n == len(verdict.run) == 80
    whole = eb.check(worse(), data, THREAT, file, suite=QUICK)
    assert whole.pairs is not None
    assert set(verdict.pairs.lost_ids) == set(whole.pairs.lost_ids) & set(verdict.run.ids.tolist())


def test_a_baseline_within_a_budget_holds_a_run_within_one(data: Data, tmp_path: Path) -> None:
    for name, rounds in (("few.json", 9), ("fewer.json", 4)):
        eb.check(Affine(), data, THREAT, write_to=tmp_path / name, suite=QUICK, budget=f"{rounds} rounds")
        verdict = eb.check(Affine(), data, THREAT, tmp_path / name, suite=QUICK, budget="6 rounds", max_drop="20pt")
        assert verdict.passed is True
        assert len(verdict.run) == min(48, len(read_baseline(tmp_path / name).ids))


def test_a_least_accuracy_alone(data: Data) -> None:
    assert eb.check(Affine(), data, THREAT, gate="10%", suite=QUICK).passed is True
    assert eb.check(Affine(), data, THREAT, gate="90%", suite=QUICK).passed is False


def test_nothing_to_hold_against_is_an_error(data: Data) -> None:
    with pytest.raises(InputError, match="nothing to hold the model against"):
        eb.check(Affine(), data, THREAT)
    with pytest.raises(InputError, match="at some ε"):
        eb.check(Affine(), data, eb.Threat("linf"), gate=0.5)
