"""Which attacks an evaluation runs."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.attacks.registry import make_attack, registry
from epsball.attacks.suites import SUITES
from epsball.attacks.suites import suite as named_suite
from epsball.data.streamed import Streamed
from epsball.errors import InputError, SuiteWarning
from epsball.oracle.batching import IMAGE_DIMENSIONS
from epsball.suggestions import did_you_mean, spelled
from epsball.validation import checked_settings

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.threat import Threat

_FIGURE, _DISTANCES = "standard", "minimal"
"""The suite for a figure at ε, and the one that stands in for it where ε is infinite and only distances can be asked for."""
_BY_GRADIENTS = [_FIGURE, "quick", _DISTANCES]
"""Suites that another stands in for; a list, because what was given may be unhashable."""
_FIRST = 8
"""Inputs that are asked about for what a model gives."""
_EXPECTED = f"expected a suite, {', '.join(SUITES)}, or attacks such as [eb.PGD(steps=40)]"


def by_name(suite: Any) -> Any:
    """The suite or the attacks that names stand for, "quick", "fgsm,pgd" or ["fgsm", eb.PGD]; anything else as it is.

    Raises:
        InputError: there is no suite or attack of that name, or a class cannot be made without settings.
    """
    if isinstance(suite, str):
        names = [name.strip() for name in suite.split(",")]
        known = registry()
        if len(names) == 1 and known.spelled(names[0]) not in known and ":" not in names[0]:
            return _suite_named(suite, known)
        suite = names
    suite = [suite] if isinstance(suite, type) else suite
    if not isinstance(suite, list | tuple) or not any(isinstance(each, str | type) for each in suite):
        return suite
    if all(isinstance(each, str) for each in suite):
        return {name: make_attack(name) for name in map(registry().spelled, suite)}
    return [_made(each) for each in suite]


def _suite_named(name: str, attacks: Iterable[str]) -> str:
    suite = spelled(name.strip(), SUITES)
    if suite not in SUITES:
        hint = did_you_mean(name, [*SUITES, *attacks])
        raise InputError(
            f"there is no suite {name!r}; {hint}expected {', '.join(SUITES)}, or attacks by name such as 'fgsm,pgd'"
        )
    return suite


def _made(given: Any) -> Any:
    if isinstance(given, str):
        return make_attack(registry().spelled(given))
    return given() if isinstance(given, type) and issubclass(given, Attack) else given


def stand_in(suite: Any, model: Model, data: Any, threat: Threat) -> Any:
    """What is run for a suite by gradients where a model gives none: "blackbox", or "labels" where there are only labels.

    Also "labels" for distances, and where no attack by scores searches: without a finite ε, and in l1 on inputs that are no images.
    For any suite but "standard" a `SuiteWarning` says so; "autoattack" is not replaced, being asked for to compare. Whatever cannot
    be found out here is met, and told, by the clean pass.
    """
    suite = spelled(suite, SUITES) if isinstance(suite, str) else suite
    x = data[0] if isinstance(data, tuple | list) and data else None
    if suite not in _BY_GRADIENTS or not isinstance(x, Tensor | Streamed) or not len(x):
        return suite
    try:
        with torch.enable_grad():
            logits = model(x[:_FIRST].detach().clone().requires_grad_())
    except (InputError, RuntimeError):
        return suite
    if logits.requires_grad:
        return suite
    only_labels = len(set(logits.flatten().tolist())) <= 2  # noqa: PLR2004 (one number for the class, another for the rest)
    images = x.ndim == IMAGE_DIMENSIONS
    by_scores = named_suite("blackbox", images=images).values()
    searched = any(not (attack.noise_only or misfit(attack, threat)) for attack in by_scores)
    other = "blackbox" if searched and not only_labels and suite != _DISTANCES else "labels"
    if suite != _FIGURE:
        warnings.warn(
            f"the model gives no gradients, which the suite {suite!r} needs; {other!r} is run in its place",
            SuiteWarning,
            stacklevel=3,
        )
    return other


def chosen(
    suite: str | Attack | Mapping[str, Attack] | Sequence[Attack], threat: Threat, *, images: bool = True
) -> dict[str, Attack]:
    """The attacks to run, by name, in order.

    Of a suite, those that are defined for the threat's norm and, where ε is infinite, ask for no budget; and without those that need
    images where the inputs are none.

    Raises:
        InputError: no attacks, something that is no attack, or an attack that does not fit the threat or has settings that
            cannot be.
    """
    if not isinstance(suite, Attack | Iterable):
        raise InputError(f"the suite was given as {type(suite).__name__}; {_EXPECTED}")
    if isinstance(suite, str):
        suite = _DISTANCES if suite == _FIGURE and not threat.bounded else suite
        attacks = {
            name: attack
            for name, attack in named_suite(suite, images=images).items()
            if not misfit(attack, threat) and (images or not attack.images_only)
        }
        if not attacks:
            inputs = "" if images else " on inputs that are no images"
            raise InputError(
                f"no attack of the suite {suite!r} works in {threat.norm.name} with ε = {threat.eps}{inputs}; "
                f"give {'another norm or suite' if threat.bounded else 'a finite ε, or another suite'}"
            )
        return attacks
    attacks = dict(suite) if isinstance(suite, Mapping) else _named([suite] if isinstance(suite, Attack) else suite)
    for name, attack in attacks.items():
        if not isinstance(attack, Attack):
            raise InputError(f"the suite holds {name!r}: {attack!r}; expected an attack such as eb.PGD(steps=40)")
        checked_settings(attack)
        if reason := misfit(attack, threat):
            raise InputError(f"the suite holds {name!r}, which {reason}; leave it out, or change the threat")
    if not attacks:
        raise InputError(f"the suite holds no attack; {_EXPECTED}")
    return attacks


def targets(attacks: Mapping[str, Attack]) -> tuple[int, ...]:
    """The classes that every one of the attacks aims at, so that a sample which has one of them as its label cannot be attacked."""
    aimed = [set(attack.aims_at) for attack in attacks.values()]
    return tuple(sorted(set.intersection(*aimed))) if aimed else ()


def _named(attacks: Sequence[Attack]) -> dict[str, Attack]:
    seen, named = Counter[str](), {}
    for attack in attacks:
        name = type(attack).__name__.lower()
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name}-{seen[name]}"] = attack
    return named


def misfit(attack: Attack, threat: Threat) -> str:
    """Why an attack cannot be run for this threat; empty where it can."""
    if threat.norm.name not in attack.norms:
        return f"is not defined for {threat.norm.name}"
    if not attack.minimum_norm and not threat.bounded:
        return "works inside a ball and needs a finite ε"
    return ""
