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


def test_runs_of_version_four_were_made_with_these_settings() -> None:
    assert SUITE_VERSION == 4
    made = suite("standard")
    assert list(made) == ["noise", "fgsm", "fmn", "cascade", "doubled"]
    assert made["noise"] == eb.AdditiveNoise()
    assert (made["fgsm"], made["fmn"]) == (eb.FGSM(), eb.FMN(steps=20))
    assert made["doubled"] == eb.attacks.Sampled(made["cascade"], share=0.05)


def test_the_cascade_begins_on_all_rows_and_goes_on_with_ever_nearer_ones() -> None:
    cascade = suite("standard")["cascade"]
    assert isinstance(cascade, eb.attacks.Cascade)
    everyone = [stage for stage in cascade.stages if stage.near > 1 and not stage.searched]
    assert [type(stage.attack).__name__ for stage in everyone] == [
        "PGD",
        "PGD",
        "MultiTargeted",
        "Square",
        "SparseRS",
        "PGD",
    ]
    assert cascade.stages[: len(everyone)] == tuple(everyone)
    nearer = [stage.near for stage in cascade.stages if stage.near < 1]
    assert nearer == sorted(nearer, reverse=True)
    assert cascade.stages[-1].attack == eb.PGD(100, 1.0, 0.01, random_start=False, loss=losses.margin, diversify=4)


def test_every_norm_has_a_suite_for_figures_and_one_for_distances() -> None:
    for norm in ("linf", "l2", "l1", "l0"):
        assert list(chosen("standard", eb.Threat(norm, {"linf": 0.1}.get(norm, 1)))) == list(suite("standard"))
        assert list(chosen("standard", eb.Threat(norm))) == ["minimal"]


def test_every_suite_has_a_name_that_finds_it() -> None:
    assert all(suite(name) for name in SUITES)
    with pytest.raises(
        eb.InputError,
        match="no suite 'quickest'; expected quick, standard, minimal, autoattack, autoattack-rand, blackbox or labels",
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
