"""Whether two runs can be compared, and what a difference between them means where they were not made alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from epsball.display.text import NORMS, budget
from epsball.errors import InputError, UnfinishedError
from epsball.report.target import target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from epsball.record import Evaluation, Plan

    Named = tuple[str, Evaluation]


def refuse(runs: Sequence[Named]) -> None:
    """Refuse what cannot be compared: unfinished runs, runs in different norms, runs that looked for different errors.

    Raises:
        UnfinishedError: a run is unfinished.
        InputError: the runs answer different questions.
    """
    first, baseline = runs[0]
    for name, run in runs:
        if not run.complete:
            raise UnfinishedError(
                f"{name} is unfinished, and attacks that are still to come can only lower its robust accuracy; "
                "run its command again, which goes on from there, and compare then"
            )
        norms = NORMS[baseline.plan.threat.norm], NORMS[run.plan.threat.norm]
        if norms[0] != norms[1]:
            raise InputError(
                f"{first} was attacked in {norms[0]} and {name} in {norms[1]}, and no ε of one is an ε of the other; "
                "compare runs in one norm"
            )
        aims = [target(plan) or "any error" for plan in (baseline.plan, run.plan)]
        if aims[0] != aims[1]:
            raise InputError(
                f"the attacks of {first} looked for {aims[0]} and those of {name} for {aims[1]}; "
                "compare runs that looked for the same"
            )


def chosen_eps(runs: Sequence[Named], eps: float | None) -> float:
    """The ε at which the runs are read: the one given, or the smallest of their own.

    Raises:
        InputError: neither is finite.
    """
    value = min(run.eps for _, run in runs) if eps is None else eps
    if math.isinf(value):
        name, run = runs[0]
        found = run.upper[(run.upper > 0) & np.isfinite(run.upper)]
        example = f"{float(np.median(found)):.2g}, where half the errors of {name} lie" if len(found) else "0.1"
        raise InputError(
            f"the runs have no ε of their own, and none was given to compare them at; give one, such as {example}"
        )
    return value


def cautions(runs: Sequence[Named], eps: float) -> Iterator[str]:
    """What a difference means, for every run that was not made as the first one."""
    first, baseline = runs[0]
    for name, run in runs:
        if run.eps > eps and not math.isinf(run.eps):
            yield (
                f"{name} has ε = {budget(run.eps)} and is read at {budget(eps)}: attacks with a fixed budget looked no nearer than "
                "its own, so there its accuracy is too high by what they missed"
            )
    for name, run in runs[1:]:
        for what, meaning in _unlike(baseline.plan, run.plan):
            yield f"{first} and {name} {what}: {meaning}"


def _unlike(one: Plan, other: Plan) -> Iterator[tuple[str, str]]:
    harder = "one model was attacked harder than the other, and the difference is also one of the attacks"
    suites = [
        "attacks chosen by hand" if plan.suite == "custom" else f"{plan.suite} {plan.suite_version}"
        for plan in (one, other)
    ]
    if suites[0] != suites[1]:
        yield f"differ in the suite ({suites[0]}; {suites[1]})", harder
    elif _settings(one) != _settings(other):
        yield "differ in the attacks or their settings", harder
    if one.every_sample != other.every_sample:
        yield (
            "differ in every_sample",
            "robust accuracy at ε hardly depends on it; where every attack saw every sample, the curve lies lower and passes are more",
        )
    bounds = [(plan.threat.low, plan.threat.high, plan.threat.levels) for plan in (one, other)]
    if bounds[0] != bounds[1]:
        yield (
            "differ in the values that a feature may have",
            "the attacker of one may do what that of the other may not",
        )
    if one.data.shape != other.data.shape:
        yield (
            f"differ in the shape of the inputs ({one.data.shape}, {other.data.shape})",
            "the same ε is another change of the picture",
        )
    if one.model.weights == other.model.weights and one.model.structure == other.model.structure and one.model.weights:
        yield (
            "have the same weights",
            "what differs comes from the samples, the attacks, their draws or what stands around the network",
        )


def _settings(plan: Plan) -> dict[str, tuple[object, ...]]:
    return {name: (attack.kind, attack.settings, attack.code) for name, attack in plan.attacks.items()}
