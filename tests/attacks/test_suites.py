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


def test_runs_of_version_three_were_made_with_these_settings() -> None:
    assert SUITE_VERSION == 3
    made = suite("standard")
    assert list(made) == ["noise", "fgsm", "momentum-pgd", "pgd", "pgd-margin", "deepfool", "lbfgs"]
    assert made["noise"] == eb.AdditiveNoise()
    assert made["momentum-pgd"].reach == pytest.approx(4)  # forty steps of a tenth
    for name, loss in (("pgd", losses.sharpened_cross_entropy), ("pgd-margin", losses.margin)):
        assert made[name] == eb.Restarts(eb.PGD(steps=100, first=1.0, rate=0.01, random_start=True, loss=loss), 5)
    assert (made["fgsm"], made["deepfool"], made["lbfgs"]) == (eb.FGSM(), eb.DeepFool(), eb.LBFGS())


def test_every_suite_has_a_name_that_finds_it() -> None:
    assert all(suite(name) for name in SUITES)
    with pytest.raises(
        eb.InputError,
        match="no suite 'quickest'; expected quick, standard, autoattack, autoattack-rand, blackbox or labels",
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
