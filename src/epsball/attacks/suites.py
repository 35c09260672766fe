"""Named lists of attacks, cheap to strong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball import attacks, losses
from epsball.errors import InputError

if TYPE_CHECKING:
    from epsball.attacks.base import Attack

SUITES = ("quick", "standard")

SUITE_VERSION = 3
"""Written into every run; goes up whenever a suite's attacks or their settings change."""


def suite(name: str) -> dict[str, Attack]:
    """Return the attacks of a suite, cheap to strong.

    "quick" is for a first look: noise, FGSM, PGD with 40 steps, DeepFool. "standard" is for a figure to report: it adds momentum,
    five restarts of PGD with 100 steps on the cross entropy and on the margin, and L-BFGS, which `evaluate` runs in l2 only: it
    minimises that length, and in other norms it takes most of the time and lowers no bound.

    Raises:
        InputError: an unknown suite.
    """
    quick: dict[str, Attack] = {
        "noise": attacks.AdditiveNoise(),
        "fgsm": attacks.FGSM(),
        "pgd": attacks.PGD(),
        "deepfool": attacks.DeepFool(),
    }
    if name == "quick":
        return quick
    if name == "standard":
        return {
            "noise": attacks.AdditiveNoise(),
            "fgsm": attacks.FGSM(),
            "momentum-pgd": attacks.MomentumPGD(steps=40),
            "pgd": attacks.Restarts(attacks.PGD(steps=100, rate=0.01), 5),
            "pgd-margin": attacks.Restarts(attacks.PGD(steps=100, rate=0.01, loss=losses.margin), 5),
            "deepfool": attacks.DeepFool(),
            "lbfgs": attacks.LBFGS(),
        }
    raise InputError(f"there is no suite {name!r}; expected {' or '.join(SUITES)}")
