from __future__ import annotations

import pytest

import epsball as eb
from epsball import losses
from epsball.attacks.suites import SUITE_VERSION, SUITES, suite
from epsball.evaluation.selection import chosen


def test_the_quick_suite_is_the_attacks_at_their_defaults() -> None:
    assert suite("quick") == {
        "noise": eb.AdditiveNoise(),
        "fgsm": eb.FGSM(),
        "pgd": eb.PGD(),
        "deepfool": eb.DeepFool(),
    }


def test_runs_of_version_eight_were_made_with_these_settings() -> None:
    assert SUITE_VERSION == 9
    made = suite("standard")
    assert list(made) == ["noise", "fgsm", "fmn", "cascade", "doubled"]
    assert made["noise"] == eb.AdditiveNoise(draws=3)
    assert (made["fgsm"], made["fmn"]) == (eb.FGSM(), eb.FMN(steps=20))
    assert made["doubled"] == eb.attacks.Sampled(made["cascade"], share=0.05)


def test_the_cascade_begins_on_all_rows_and_goes_on_with_ever_nearer_ones() -> None:
    cascade = suite("standard")["cascade"]
    assert isinstance(cascade, eb.attacks.Cascade)
    everyone = [stage for stage in cascade.stages if stage.near > 1 and not stage.paid]
    assert [type(stage.attack).__name__ for stage in everyone] == ["PGD", "PGD", "Square", "SparseRS"]
    assert cascade.stages[: len(everyone)] == tuple(everyone)
    rounds = [stage.near for stage in cascade.stages if isinstance(stage.attack, eb.attacks.Within) and not stage.paid]
    assert rounds == [0.6, 0.1]
    last = [stage.near for stage in cascade.stages if not stage.paid][-8:]
    assert last == [0.05] * 3 + [0.07] * 2 + [0.03] * 3


def test_scattered_starts_and_the_walk_behind_them_are_for_round_balls() -> None:
    stages = suite("standard")["cascade"].stages  # type: ignore[attr-defined] # a cascade, see above
    scattered = [stage for stage in stages if stage.scattered or "scatter" in stage.paid]
    assert len(scattered) == 22
    assert {stage.norms for stage in scattered} == {("l2", "l1")}
    assert all(stage.attack.scatter == 0.05 for stage in scattered if stage.scattered)


def test_every_norm_has_a_suite_for_figures_and_one_for_distances() -> None:
    for norm in ("linf", "l2", "l1", "l0"):
        assert list(chosen("standard", eb.Threat(norm, {"linf": 0.1}.get(norm, 1)))) == list(suite("standard"))
        assert list(chosen("standard", eb.Threat(norm))) == ["minimal"]


def test_the_least_number_of_features_is_what_is_left_when_some_are_set_back() -> None:
    stages = suite("minimal")["minimal"].stages  # type: ignore[attr-defined] # a cascade, see above
    assert eb.SigmaZero(steps=1000) in [stage.attack for stage in stages]
    assert stages[-1] == eb.attacks.Stage(eb.Pointwise(rounds=2), onward=True)


def test_every_suite_has_a_name_that_finds_it() -> None:
    assert all(suite(name) for name in SUITES)
    with pytest.raises(
        eb.InputError,
        match=r"no suite 'quickest'; did you mean 'quick'\? "
        "expected quick, standard, minimal, autoattack, autoattack-rand, blackbox or labels",
    ):
        suite("quickest")


def test_autoattack_has_the_settings_of_the_paper() -> None:
    assert suite("autoattack") == {
        "apgd-ce": eb.APGD(steps=100, loss=losses.cross_entropy),
        "apgd-t": eb.TargetedAPGD(steps=100, loss=losses.dlr, classes=9),
        "fab-t": eb.Within(eb.FAB(steps=100, restarts=1, targets=9)),
        "l1-apgd-ce": eb.Restarts(eb.L1APGD(steps=100, balls=3, targets=0, loss=losses.cross_entropy), 5),
        "l1-apgd-t": eb.L1APGD(steps=100, balls=3, targets=5, loss=losses.dlr),
        "square": eb.Square(steps=5000, share=0.8, rescaled=False),
    }


def test_in_l1_autoattack_has_the_attacks_of_its_own_paper() -> None:
    assert list(chosen("autoattack", eb.Threat("l1", 10))) == ["l1-apgd-ce", "l1-apgd-t", "fab-t", "square"]
    assert list(chosen("autoattack", eb.Threat("l2", 1))) == ["apgd-ce", "apgd-t", "fab-t", "square"]


def test_autoattack_for_random_models_averages_twenty_passes() -> None:
    made = suite("autoattack-rand")
    assert made["apgd-ce"] == eb.Expectation(eb.APGD(steps=100, loss=losses.cross_entropy), 20)
    assert made["apgd-dlr"] == eb.Expectation(eb.APGD(steps=100, loss=losses.dlr), 20)
    assert list(chosen("autoattack-rand", eb.Threat("l1", 10))) == ["l1-apgd-ce", "l1-apgd-dlr"]
