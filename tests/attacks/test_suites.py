from __future__ import annotations

import pytest

import epsball as eb
from epsball import losses
from epsball.attacks.suites import SUITE_VERSION, SUITES, suite


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
        eb.InputError, match="no suite 'quickest'; expected quick, standard, autoattack, blackbox or labels"
    ):
        suite("quickest")


def test_autoattack_has_the_settings_of_the_paper() -> None:
    assert suite("autoattack") == {
        "apgd-ce": eb.APGD(steps=100, loss=losses.cross_entropy),
        "apgd-t": eb.TargetedAPGD(steps=100, loss=losses.dlr, classes=9),
        "fab-t": eb.Within(eb.FAB(steps=100, restarts=1, targets=9)),
        "square": eb.Square(steps=5000, share=0.8, rescaled=False),
    }
