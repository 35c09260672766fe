"""Named lists of attacks, cheap to strong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from epsball import attacks, losses
from epsball.attacks.cascade import Stage
from epsball.errors import InputError
from epsball.suggestions import did_you_mean, spelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.attacks.base import Attack
    from epsball.attacks.cascade import Paid
    from epsball.losses import Loss

_ROUND = ("l2", "l1")
"""Norms whose balls reach farther along few features than along all."""

SUITES = ("quick", "standard", "minimal", "autoattack", "autoattack-rand", "blackbox", "labels")

SUITE_VERSION = 10
"""Written into every run; goes up whenever a suite's attacks or their settings change."""


def suite(name: str, *, images: bool = True) -> dict[str, Attack]:
    """Return the attacks of a suite, cheap to strong; for inputs that are no images the black-box one has others.

    "quick" is for a first look: noise, FGSM, PGD with 40 steps, DeepFool. "standard" is for a figure to report: a walk to the boundary,
    ascents, and rounds of complementary attacks on the samples that come near; a second course on one in twenty of those that stand
    says what is left. An evaluation runs "blackbox" or "labels" in its place where a model gives no gradients. "minimal" is for
    distances: complementary minimum-norm attacks. "autoattack" is that of Croce and Hein 2020, arXiv:2003.01690, for comparison with
    the literature: its four attacks in its order and with its settings, in l1 those of Croce and Hein 2021, arXiv:2103.01208; samples
    that have fallen cost nothing more. "autoattack-rand" is its version for random models: APGD on two losses, each of its questions
    the mean of 20 passes. "blackbox" asks for scores only, "labels" for the predicted label only.

    Raises:
        InputError: an unknown suite.
    """
    name = spelled(name, SUITES)
    if name not in _MADE:
        hint = did_you_mean(name, SUITES)
        raise InputError(f"there is no suite {name!r}; {hint}expected {', '.join(SUITES[:-1])} or {SUITES[-1]}")
    return _MADE[name]() if images or name != "blackbox" else _blackbox_of_vectors()


def _quick() -> dict[str, Attack]:
    return {
        "noise": attacks.AdditiveNoise(),
        "fgsm": attacks.FGSM(),
        "pgd": attacks.PGD(),
        "deepfool": attacks.DeepFool(),
    }


def _standard() -> dict[str, Attack]:
    return {
        "noise": attacks.AdditiveNoise(draws=3),
        "fgsm": attacks.FGSM(),
        "fmn": attacks.FMN(steps=20),
        "cascade": _cascade(),
        "doubled": attacks.Sampled(_cascade()),
    }


def _cascade() -> Attack:
    """Ascents from the input, search from the nearest point, then rounds on rows that have come near; last, much on the nearest."""
    return attacks.Cascade(
        Stage(_ascent(8, losses.cross_entropy)),
        Stage(_ascent(12)),
        *_searched(15),
        _onward(0.25),
        Stage(attacks.MultiTargeted(steps=8, classes=1), 0.1),
        *_long(),
        *_scattered(),
        *_masked(),
        *_round(0.1),
        *_masked(),
        *(stage for _ in range(3) for stage in (*_again(0.05), *_masked())),
        *_last(),
    )


def _long() -> tuple[Stage, ...]:
    """Ascents whose steps shorten only when they stop paying, towards three classes too."""
    return (
        Stage(attacks.APGD(steps=40), 0.4),
        Stage(attacks.L1APGD(steps=40), 0.4),
        Stage(attacks.TargetedAPGD(steps=30, classes=3), 0.25),
        Stage(attacks.TargetedL1APGD(steps=30, targets=3), 0.25),
    )


def _scattered() -> tuple[Stage, ...]:
    """What breaks networks that ignore small changes of many features, as those trained in linf do."""
    return (
        *[_scatter(0.8)] * 2,
        Stage(attacks.Within(attacks.TargetedFAB(steps=50, targets=1)), 0.6, norms=_ROUND),
        *[_scatter(0.7, paid="much scatter", moving=True)] * 8,
        *[Stage(attacks.Within(attacks.BrendelBethge()), 0.5, paid="scatter", norms=_ROUND)] * 8,
    )


def _round(near: float) -> tuple[Stage, ...]:
    """What breaks rows that are near: each technique breaks others."""
    return (
        Stage(_ascent(12, diversify=4), near),
        *_searched(40, near),
        _onward(near),
        Stage(attacks.MultiTargeted(steps=10, classes=2), near),
        Stage(attacks.Within(attacks.FMN(steps=20)), near),
        _scatter(2 * near),
    )


def _again(near: float) -> tuple[Stage, ...]:
    """What goes on breaking rows whose margin still falls."""
    return (
        Stage(_ascent(12, diversify=4), near, moving=True),
        *_searched(40, near, moving=True),
        _onward(near, moving=True),
        Stage(attacks.APGD(steps=20), near, moving=True),
        Stage(attacks.L1APGD(steps=20), near, moving=True),
        _scatter(2 * near, moving=True),
    )


def _masked() -> tuple[Stage, ...]:
    """More search for as long as it pays."""
    return (*_searched(200, paid="search"), _onward(paid="search")) * 5


def _last() -> tuple[Stage, ...]:
    """Long courses on the rows that nearly fell."""
    return (
        *[Stage(attacks.APGD(steps=40), 0.05)] * 2,
        *[Stage(attacks.L1APGD(steps=40), 0.05)] * 2,
        Stage(_ascent(40, first=2.0, random_start=True), 0.05),
        Stage(attacks.TargetedAPGD(steps=15), 0.07),
        Stage(attacks.TargetedL1APGD(steps=15), 0.07),
        *_searched(300, 0.03),
        _onward(0.03),
        *_masked(),
        Stage(attacks.Square(steps=4000), 0.15, paid="searches"),
        *_masked(),
    )


def _searched(steps: int, near: float = math.inf, *, paid: Paid = "", moving: bool = False) -> tuple[Stage, ...]:
    """Small squares, or a few features, on the nearest point known."""
    return (
        Stage(attacks.Square(steps=steps, share=0.05), near, onward=True, paid=paid, moving=moving),
        Stage(attacks.SparseRS(steps=steps), near, onward=True, paid=paid, moving=moving),
    )


def _onward(near: float = math.inf, *, paid: Paid = "", moving: bool = False) -> Stage:
    """A few small steps from the nearest point known."""
    return Stage(_ascent(6, first=0.1, rate=0.02), near, onward=True, paid=paid, moving=moving)


def _scatter(near: float, *, paid: Paid = "", moving: bool = False) -> Stage:
    """An ascent from a start at which a few features have changed by much."""
    attack = attacks.PGD(20, 1.0, 0.02, loss=losses.margin, scatter=0.05)
    return Stage(attack, near, scattered=True, paid=paid, moving=moving, norms=_ROUND)


def _ascent(
    steps: int,
    loss: Loss = losses.margin,
    *,
    first: float = 1.0,
    rate: float = 0.01,
    random_start: bool = False,
    diversify: int = 0,
) -> Attack:
    return attacks.PGD(steps, first, rate, random_start=random_start, loss=loss, diversify=diversify)


def _autoattack() -> dict[str, Attack]:
    return {
        "apgd-ce": attacks.APGD(),
        "apgd-t": attacks.TargetedAPGD(),
        "l1-apgd-ce": attacks.Restarts(attacks.L1APGD(), 5),
        "l1-apgd-t": attacks.TargetedL1APGD(),
        "fab-t": attacks.Within(attacks.TargetedFAB()),
        "square": attacks.Square(rescaled=False),
    }


def _minimal() -> dict[str, Attack]:
    """Complementary walks to the boundary, the later ones from the nearest error that is known."""
    return {
        "minimal": attacks.Cascade(
            Stage(attacks.FMN(steps=100)),
            Stage(attacks.PDPGD(steps=500), norms=("linf", "l2")),
            Stage(attacks.L1PDPGD(steps=500)),
            Stage(attacks.SigmaZero(steps=1000)),
            Stage(attacks.DDN(steps=100)),
            Stage(attacks.DeepFool()),
            Stage(attacks.Restarts(attacks.BrendelBethge(), 3)),
            Stage(attacks.EAD(searches=5, steps=200)),
            Stage(attacks.TargetedFAB(steps=50), onward=True),
            Stage(attacks.SparseFool()),
            Stage(attacks.FMN(steps=100, first=0.1), onward=True),
            Stage(attacks.Pointwise(rounds=2), onward=True),
        )
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


def _blackbox_of_vectors() -> dict[str, Attack]:
    return {"noise": attacks.AdditiveNoise(), "nes": attacks.NES(), "sparse-rs": attacks.SparseRS()}


def _labels() -> dict[str, Attack]:
    return {
        "noise": attacks.AdditiveNoise(),
        "hop-skip-jump": attacks.HopSkipJump(),
        "rays": attacks.RayS(),
        "pointwise": attacks.Pointwise(),
    }


_MADE: dict[str, Callable[[], dict[str, Attack]]] = {
    "quick": _quick,
    "standard": _standard,
    "minimal": _minimal,
    "autoattack": _autoattack,
    "autoattack-rand": _autoattack_rand,
    "blackbox": _blackbox,
    "labels": _labels,
}
