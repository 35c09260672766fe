"""What a plan states, derived again: the attacks of its suite, their traits, the classes, the samples left out."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.attacks.suites import SUITE_VERSION, SUITES
from epsball.evaluation.plan import attack_plan, version
from epsball.evaluation.selection import chosen
from epsball.evaluation.thorough import controls
from epsball.models.rejection import REJECT
from epsball.oracle.access import Access
from epsball.oracle.batching import IMAGE_DIMENSIONS
from epsball.record.plan import portable
from epsball.record.selection import Selection
from epsball.replay.rebuild import threat_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from epsball.attacks.base import Attack
    from epsball.record.plan import AttackPlan, Plan
    from epsball.replay.opened import Part

_CUSTOM = "custom"


def other_statements(plan: Plan, attacks: Mapping[str, Attack], notes: list[str]) -> Iterator[str]:
    """A sentence for everything that a plan states and that does not follow from the rest of it.

    Args:
        plan: of the run.
        attacks: those of its attacks that could be made again from their settings.
        notes: where what cannot be derived is added.
    """
    for name, attack in attacks.items():
        yield from _other_traits(
            f"the attack {name}", plan.attacks[name], attack_plan(attack, plan.attacks[name].position)
        )
    if sorted(attack.position for attack in plan.attacks.values()) != list(range(len(plan.attacks))):
        yield "the places of the attacks in the order of the run are not 0, 1, 2, …"
    if plan.suite == _CUSTOM:
        if plan.suite_version:
            yield f"attacks of one's own are recorded as version {plan.suite_version} of a suite"
    elif plan.suite not in SUITES:
        yield f"there is no suite {plan.suite!r}"
    elif plan.suite_version > SUITE_VERSION and plan.environment.versions.get("epsball") == version():
        yield f"the suite {plan.suite} is said to be of version {plan.suite_version}, and epsball {version()} has {SUITE_VERSION}"
    elif plan.suite_version != SUITE_VERSION:
        notes.append(
            f"the suite {plan.suite} is of version {plan.suite_version}, this library has version {SUITE_VERSION}: "
            "that these are its attacks was not checked"
        )
    else:
        yield from _other_suite(plan)
    answers = plan.model.probe or plan.model.frequencies or ((),)
    classes = len(answers[0]) - (plan.model.outputs == REJECT)
    if classes != plan.data.classes:
        yield f"the record is about {plan.data.classes} classes, the model has {classes}"
    if plan.data.left_out and not plan.targets:
        yield f"{plan.data.left_out} samples are said to be left out, and no attack aims at one class alone"


def other_counts(plan: Plan, parts: tuple[Part, ...]) -> Iterator[str]:
    """A sentence for every chunk of another size, and for gradients of an attack that sees none, or more than it takes steps."""
    size = plan.batching.chunk_size
    for part, after in zip_longest(parts, parts[1:]):
        last = after is None or after.attack != part.attack
        short = len(part.rows) < size and not last and plan.budget is None  # a round ends its last chunk
        if len(part.rows) > size or short:
            yield f"{part.file} holds {len(part.rows)} rows, chunks are of {size}"
        attack = plan.attacks[part.attack]
        if attack.access != Access.GRADIENT.name and np.any(part.rows.gradients):
            yield f"{part.file}: {part.attack} sees no gradients and is said to have taken some"


def _other_suite(plan: Plan) -> Iterator[str]:
    """Where the attacks are not those that the suite has for this norm, this budget and such inputs."""
    images = len(plan.data.shape) + 1 == IMAGE_DIMENSIONS
    threat = threat_of(plan.threat, torch.float64, torch.device("cpu"))
    made = chosen(plan.suite, threat, images=images)
    if any(Selection.of(attack) for attack in plan.attacks.values()):
        made |= controls(made, threat, (1, *plan.data.shape))
    expected = {name: attack_plan(each, place) for place, (name, each) in enumerate(made.items())}
    yield from (
        f"the suite {plan.suite} has {name}, the record has not"
        for name in sorted(expected.keys() - plan.attacks.keys())
    )
    yield from (
        f"the suite {plan.suite} has no {name}, the record has"
        for name in sorted(plan.attacks.keys() - expected.keys())
    )
    for name in sorted(expected.keys() & plan.attacks.keys()):
        yield from _other_traits(f"the suite {plan.suite}'s attack {name}", plan.attacks[name], expected[name])


def _other_traits(what: str, recorded: AttackPlan, here: AttackPlan) -> Iterator[str]:
    there, now = portable(recorded), portable(here)
    for name, value in now.items():
        if name == "position":
            continue
        for place, one, two in _unequal(name, there[name], value):
            yield f"{what} is recorded with {place} = {one}, and it has {place} = {two}"
            break


def _unequal(place: str, one: Any, two: Any) -> Iterator[tuple[str, Any, Any]]:
    """The innermost places at which two values in JSON's types differ."""
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        for name in one:
            yield from _unequal(f"{place}.{name}", one[name], two[name])
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for number, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from _unequal(f"{place}.{number}", left, right)
    elif one != two:
        yield place, one, two
