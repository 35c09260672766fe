"""A thorough look after a suite: other attacks, noise, and more of the suite's own, on a few of the samples that are still robust."""

from __future__ import annotations

import copy
import math
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from epsball import attacks
from epsball.attacks.base import Attack
from epsball.attacks.cascade import Sampled
from epsball.errors import InputError
from epsball.evaluation.selection import misfit, targets
from epsball.oracle.access import Access
from epsball.oracle.batching import IMAGE_DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from epsball.threat import Threat

ROWS = 32
"""Samples that each control is run on: half of them the nearest to an error, the others drawn."""
DRAWS = 1000
"""Points of noise for each."""
SEARCH = 1000
"""Steps of the search by scores."""
_SMOOTHING = 0.5
"""Radius of the smoothing, as a fraction of ε."""


def controls(suite: Mapping[str, Attack], threat: Threat, shape: Sequence[int]) -> dict[str, Attack]:
    """What is run after a suite, by name, each on a few samples that are the same for all.

    Of the 32 samples that are robust after the suite, half are those whose nearest known error is the least far, at whatever ε; where
    the suite knows of none, those of which the model is least sure. The others are drawn by (seed, id).

    - "blackbox" (D07): search by scores, search by labels, and the examples of the smoothed model, in place of gradients.
      "blackbox-alone" and "whitebox-alone" run it, and the strongest attack of the suite with as many passes, on 32 samples drawn from
      all correctly classified ones.
    - "noise-1000" (D10).
    - "more-steps" (D11), "more-restarts" (D12): the strongest attack of the suite with twice the steps, and once more with fresh
      random numbers.
    - "planted" (D24): the strongest attack of the suite where an adversarial example is known to be, see `epsball.attacks.Planted`.

    Args:
        suite: the attacks before, cheap to strong.
        threat: of the evaluation.
        shape: of the inputs (N, …).

    Raises:
        InputError: an infinite ε, or attacks among which none searches, or that all aim at one class.
    """
    if not threat.bounded:
        raise InputError(
            "thorough=True was given with an infinite ε; it asks what is found within ε: give a finite one"
        )
    if targets(suite):
        raise InputError(
            "thorough=True was given with attacks that all aim at one class; it asks for any error: leave it out"
        )
    strongest = _strongest(suite)
    more: dict[str, Attack] = {"noise-1000": _selected("D10", attacks.AdditiveNoise(draws=DRAWS))}
    if any(_ascends(attack) for attack in suite.values()):
        blind = blackbox(threat, shape)
        times = 1 + math.ceil(blind.expected_passes / strongest.expected_passes)  # at least as many: bisections vary
        more |= {
            "blackbox": _selected("D07", blind),
            "blackbox-alone": _alone(blind),
            "whitebox-alone": _alone(attacks.Restarts(strongest, times)),
        }
    longer = doubled(strongest)
    if longer != strongest:
        more["more-steps"] = _selected("D11", longer)
    more["more-restarts"] = _selected("D12", strongest)
    more["planted"] = _selected("D24", attacks.Planted(_configured(suite)))
    names = {name: f"thorough-{name}" if name in suite else name for name in more}
    return {names[name]: attack for name, attack in more.items()}


def blackbox(threat: Threat, shape: Sequence[int]) -> Attack:
    """Attacks without gradients for inputs (N, …) of a threat: by labels, on the smoothed model, by scores."""
    size, eps = math.prod(shape[1:]), float(threat.eps)
    root = math.sqrt(size) if threat.norm.name == "l2" else 1.0
    made = (
        attacks.Within(attacks.RayS(steps=SEARCH // 4)),
        attacks.Within(attacks.HopSkipJump(steps=5)),
        attacks.Within(attacks.SaltAndPepper()),
        attacks.Within(attacks.Pointwise(rounds=1)),
        attacks.NES(steps=12, radius=max(_SMOOTHING * eps / root, 1e-6)),
        attacks.Square(steps=SEARCH),
        attacks.SparseRS(steps=SEARCH),
    )
    by_norm = {"linf": (0, 4, 5), "l2": (1, 4, 5), "l1": (2, 5), "l0": (3, 6)}
    images = len(shape) == IMAGE_DIMENSIONS
    chosen = [made[place] for place in by_norm[threat.norm.name]]
    return attacks.Worst(*(each for each in chosen if not misfit(each, threat) and (images or not each.images_only)))


def doubled(attack: Any) -> Any:
    """The attack with twice the steps, and so are those that it is made of."""
    new = copy.copy(attack)
    for field in fields(attack):
        value = getattr(attack, field.name)
        if field.name == "steps" and isinstance(value, int):
            value *= 2
        elif isinstance(value, tuple):
            value = tuple(doubled(each) if _has_fields(each) else each for each in value)
        elif isinstance(value, Attack):
            value = doubled(value)
        object.__setattr__(new, field.name, value)
    return new


def _has_fields(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _selected(check: str, attack: Attack) -> Attack:
    return attacks.Selected(attack, check, nearest=ROWS // 2, drawn=ROWS - ROWS // 2)


def _alone(attack: Attack) -> Attack:
    return attacks.Selected(attack, "D07", nearest=0, drawn=ROWS, correct=True)


def _ascends(attack: Attack) -> bool:
    return attack.access is Access.GRADIENT


def _strongest(suite: Mapping[str, Attack]) -> Attack:
    """The last that takes many steps along gradients inside the ball; else of those that look for the nearest error, else PGD.

    Where no attack takes gradients, the last that searches.
    """
    searching = [each for each in suite.values() if not each.noise_only and not isinstance(each, Sampled)]
    many = [each for each in searching if _ascends(each) and not each.single_step]
    if many:
        return _inside([each for each in many if not each.minimum_norm] or many)
    if any(_ascends(each) for each in searching):
        return attacks.PGD()
    if searching:
        return _inside([each for each in searching if not each.minimum_norm] or searching)
    raise InputError(
        f"thorough=True was given with {', '.join(suite)}, which only draws noise; expected an attack that searches, such as eb.PGD()"
    )


def _configured(suite: Mapping[str, Attack]) -> Attack:
    """The strongest of the suite as it was configured, be it of one step."""
    ascending = [each for each in suite.values() if _ascends(each)]
    return _inside(ascending) if ascending and all(each.single_step for each in ascending) else _strongest(suite)


def _inside(those: Sequence[Attack]) -> Attack:
    """The last of them, as an attack inside a ball."""
    return attacks.Within(those[-1]) if those[-1].minimum_norm else those[-1]
