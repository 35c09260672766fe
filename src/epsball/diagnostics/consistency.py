"""After the attacks: do their rows fit together, or did one that sees more find less?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.record.evaluation import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from epsball.record.evaluation import AttackRows

ONE_STEP = 0.005
BLACK_BOX = 0.002
IDLE = 0.5
NOTHING_FOUND = 0.05


@dataclass(frozen=True)
class _Group:
    """Which of n samples some attacks were asked about, and which they broke within ε."""

    names: tuple[str, ...]
    asked: NDArray[np.bool_]
    broken: NDArray[np.bool_]


def consistency(
    ids: NDArray[np.int64], attacks: Mapping[str, AttackRows], facts: Mapping[str, Mapping[str, Any]], eps: float
) -> list[Finding]:
    """D06, D07, D08, D10, D13 and D17 from the rows of all attacks.

    Samples count only where both sides were asked, so that a run in which every attack is asked only about what still
    stands shows D06 less often than one with `every_sample=True`.

    Args:
        ids: all sample ids (n,).
        attacks: rows by attack.
        facts: by attack what the run's specification says of it.
        eps: the budget.
    """

    def group(belongs: Callable[[Mapping[str, Any]], bool]) -> _Group:
        names = tuple(name for name in attacks if belongs(facts[name]))
        asked, broken = np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.bool_)
        for name in names:
            asked |= np.isin(ids, attacks[name].id)
            broken |= np.isin(ids, attacks[name].id[attacks[name].within(eps)])
        return _Group(names, asked, broken)

    steps = group(lambda fact: _gradient(fact) and not fact["minimum_norm"] and not _single(fact))
    found = [
        _one_step(group(_single), steps),
        _black_box(group(_blind), group(_gradient), steps),
        _noise(group(_noisy), group(_gradient), steps),
        *(_idle(name, rows, eps) for name, rows in attacks.items()),
        *(
            _nothing_found(name, rows)
            for name, rows in attacks.items()
            if _gradient(facts[name]) and facts[name]["minimum_norm"]
        ),
        *(_too_short(name, facts[name]) for name in attacks),
    ]
    return [finding for finding in found if finding is not None]


def _gradient(fact: Mapping[str, Any]) -> bool:
    return bool(fact["access"] == "GRADIENT")


def _single(fact: Mapping[str, Any]) -> bool:
    return _gradient(fact) and not fact["minimum_norm"] and (fact["class"] == "FGSM" or fact.get("steps") == 1)


def _noisy(fact: Mapping[str, Any]) -> bool:
    return bool(fact["class"] == "AdditiveNoise")


def _blind(fact: Mapping[str, Any]) -> bool:
    return not _gradient(fact) and not _noisy(fact)


def _one_step(single: _Group, steps: _Group) -> Finding | None:
    missed = int((single.broken & steps.asked & ~steps.broken).sum())
    if missed <= ONE_STEP * len(single.asked):
        return None
    return Finding(
        "D06",
        "FAIL",
        "One step breaks samples that many steps do not",
        f"{_all(single)} broke {missed} of {len(single.asked)} samples that {_all(steps)} was asked about and missed",
        "check the step size, try more steps and another loss; masked gradients look like this",
    )


def _black_box(blind: _Group, white: _Group, steps: _Group) -> Finding | None:
    missed = int((blind.broken & steps.asked & ~white.broken).sum())
    if missed <= BLACK_BOX * len(blind.asked):
        return None
    return Finding(
        "D07",
        "FAIL",
        "An attack that sees no gradients beats those that do",
        f"{_all(blind)} broke {missed} of {len(blind.asked)} samples that {_all(white)} missed",
        "the gradients are masked: attack a differentiable stand-in, or average over the model's random draws",
    )


def _noise(noise: _Group, white: _Group, steps: _Group) -> Finding | None:
    missed = int((noise.broken & steps.asked & ~white.broken).sum())
    if not missed:
        return None
    return Finding(
        "D10",
        "FAIL",
        "Random noise succeeds where gradients failed",
        f"{_all(noise)} broke {missed} of {len(noise.asked)} samples that {_all(white)} missed",
        "the gradients are masked: attack a differentiable stand-in, and try more steps and restarts",
    )


def _all(group: _Group) -> str:
    return ", ".join(group.names)


def _idle(name: str, rows: AttackRows, eps: float) -> Finding | None:
    """D17: an attack that fails without asking the model has a sign, a target or a stopping rule wrong."""
    failed = ~rows.success
    idle = int((failed & (rows.queries == 0)).sum())
    if eps == 0 or idle <= IDLE * failed.sum():
        return None
    return Finding(
        "D17",
        "FAIL",
        f"{name} gave up without asking the model",
        f"{idle} of the {int(failed.sum())} samples it failed on cost no query",
        "the attack returns its input unchanged: check its sign, its targets and when it stops",
    )


def _nothing_found(name: str, rows: AttackRows) -> Finding | None:
    """D08: without a limit on the distance every sample has an error, a grey image at the latest."""
    failed = int((~rows.success).sum())
    if failed <= NOTHING_FOUND * len(rows):
        return None
    return Finding(
        "D08",
        "WARN",
        f"{name} finds no error at any distance for many samples, although one exists",
        f"{failed} of {len(rows)} samples",
        "allow more steps, or suspect masked gradients; the median distance is too large",
    )


def _too_short(name: str, fact: Mapping[str, Any]) -> Finding | None:
    """D13: `steps` steps of `rate` × ε must be able to cross the ball."""
    steps, rate = fact.get("steps"), fact.get("rate")
    if (
        not isinstance(steps, int)
        or not isinstance(rate, int | float)
        or fact["minimum_norm"]
        or not math.isfinite(rate)
    ):
        return None
    reach = steps * rate
    if reach >= 1 - 1e-9 and rate <= 2:  # noqa: PLR2004 (a step across the whole ball)
        return None
    return Finding(
        "D13",
        "WARN",
        f"{name} cannot search its ball with these steps",
        f"{steps} steps of {rate:g} ε reach {reach:g} ε",
        "let steps times rate be at least 1, and the rate at most 2",
    )
