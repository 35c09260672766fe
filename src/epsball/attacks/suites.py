"""Named lists of attacks, cheap to strong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball import attacks, losses
from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.attacks.base import Attack

SUITES = ("quick", "standard", "autoattack", "autoattack-rand", "blackbox", "labels")

SUITE_VERSION = 3
"""Written into every run; goes up whenever a suite's attacks or their settings change."""


def suite(name: str) -> dict[str, Attack]:
    """Return the attacks of a suite, cheap to strong.

    "quick" is for a first look: noise, FGSM, PGD with 40 steps, DeepFool. "standard" is for a figure to report: it adds momentum,
    five restarts of PGD with 100 steps on the cross entropy and on the margin, and L-BFGS, which `evaluate` runs in l2 only: it
    minimises that length, and in other norms it takes most of the time and lowers no bound. "autoattack" is that of Croce and Hein
    2020, arXiv:2003.01690, for comparison with the literature: its four attacks in its order and with its settings, in l1 those of
    Croce and Hein 2021, arXiv:2103.01208; samples that have fallen cost nothing more. "autoattack-rand" is its version for random
    models: APGD on two losses, each of its questions the mean of 20 passes. "blackbox" asks for scores only, "labels" for the predicted
    label only.

    Raises:
        InputError: an unknown suite.
    """
    if name not in _MADE:
        raise InputError(f"there is no suite {name!r}; expected {', '.join(SUITES[:-1])} or {SUITES[-1]}")
    return _MADE[name]()


def _quick() -> dict[str, Attack]:
    return {
        "noise": attacks.AdditiveNoise(),
        "fgsm": attacks.FGSM(),
        "pgd": attacks.PGD(),
        "deepfool": attacks.DeepFool(),
    }


def _standard() -> dict[str, Attack]:
    return {
        "noise": attacks.AdditiveNoise(),
        "fgsm": attacks.FGSM(),
        "momentum-pgd": attacks.MomentumPGD(steps=40),
        "pgd": attacks.Restarts(attacks.PGD(steps=100, rate=0.01), 5),
        "pgd-margin": attacks.Restarts(attacks.PGD(steps=100, rate=0.01, loss=losses.margin), 5),
        "deepfool": attacks.DeepFool(),
        "lbfgs": attacks.LBFGS(),
    }


def _autoattack() -> dict[str, Attack]:
    return {
        "apgd-ce": attacks.APGD(),
        "apgd-t": attacks.TargetedAPGD(),
        "l1-apgd-ce": attacks.Restarts(attacks.L1APGD(), 5),
        "l1-apgd-t": attacks.TargetedL1APGD(),
        "fab-t": attacks.Within(attacks.TargetedFAB()),
        "square": attacks.Square(rescaled=False),
    }


def _autoattack_rand() -> dict[str, Attack]:
    return {
        "apgd-ce": attacks.Expectation(attacks.APGD(), 20),
        "apgd-dlr": attacks.Expectation(attacks.APGD(loss=losses.dlr), 20),
        "l1-apgd-ce": attacks.Expectation(attacks.L1APGD(balls=1), 20),
        "l1-apgd-dlr": attacks.Expectation(attacks.L1APGD(balls=1, loss=losses.dlr), 20),
    }


def _blackbox() -> dict[str, Attack]:
    return {"noise": attacks.AdditiveNoise(), "square": attacks.Square(), "sparse-rs": attacks.SparseRS()}


def _labels() -> dict[str, Attack]:
    return {"noise": attacks.AdditiveNoise(), "hop-skip-jump": attacks.HopSkipJump()}


_MADE: dict[str, Callable[[], dict[str, Attack]]] = {
    "quick": _quick,
    "standard": _standard,
    "autoattack": _autoattack,
    "autoattack-rand": _autoattack_rand,
    "blackbox": _blackbox,
    "labels": _labels,
}
