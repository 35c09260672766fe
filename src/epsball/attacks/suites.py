"""Named attacks and named lists of them."""

from __future__ import annotations

import importlib
import inspect
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from epsball import attacks, losses
from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.attacks.base import Attack

ATTACKS: dict[str, Callable[..., Attack]] = {
    "noise": attacks.AdditiveNoise,
    "fgsm": attacks.FGSM,
    "bim": attacks.BIM,
    "pgd": attacks.PGD,
    "momentum-pgd": attacks.MomentumPGD,
    "binary-deepfool": attacks.BinaryDeepFool,
    "deepfool": attacks.DeepFool,
    "lbfgs": attacks.LBFGS,
}
"""Name on the command line -> what makes the attack from its hyper-parameters."""

SUITE_VERSION = 2
"""Written into every run; goes up whenever a suite's attacks or their settings change."""


def names() -> list[str]:
    """Return the names that `attack` knows."""
    return list(ATTACKS)


def attack(name: str, **fields: Any) -> Attack:
    """Return the attack called `name`, or the class of a third party given as "module:Class".

    Args:
        name: one of `ATTACKS`, or "module:Class".
        fields: its hyper-parameters.

    Raises:
        InputError: an unknown name or an unknown hyper-parameter.
    """
    make = maker(name)
    known = inspect.signature(make).parameters
    for field in fields:
        if field not in known:
            raise InputError(f"{name} has no setting {field!r}; it has {', '.join(known) or 'none'}")
    return make(**fields)


def maker(name: str) -> Callable[..., Attack]:
    """Return what makes the attack called `name`; arguments and errors are those of `attack`."""
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"the attack {name!r} could not be imported: {error}; expected module:Class on the path"
            ) from error
        if not callable(found):
            raise InputError(f"the attack {name!r} is a {type(found).__name__}; expected a subclass of eb.Attack")
        return found  # type: ignore[no-any-return] # a third party's class is what its module says it is
    if name not in ATTACKS:
        close = get_close_matches(name, ATTACKS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(f"there is no attack {name!r}; {hint}expected one of {', '.join(ATTACKS)}, or module:Class")
    return ATTACKS[name]


def suite(name: str) -> dict[str, Attack]:
    """Return the attacks of a suite, cheap to strong.

    "quick" is for a first look: noise, FGSM, PGD with 40 steps, DeepFool. "standard" is for a figure to report: it adds momentum,
    five restarts of PGD with 100 steps on the cross entropy and on the margin, and L-BFGS.

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
            "noise": attacks.AdditiveNoise(draws=100),
            "fgsm": attacks.FGSM(),
            "momentum-pgd": attacks.MomentumPGD(steps=40),
            "pgd": attacks.Restarts(attacks.PGD(steps=100, rate=0.01), 5),
            "pgd-margin": attacks.Restarts(attacks.PGD(steps=100, rate=0.01, loss=losses.margin), 5),
            "deepfool": attacks.DeepFool(),
            "lbfgs": attacks.LBFGS(),
        }
    raise InputError(f"there is no suite {name!r}; expected quick or standard")
