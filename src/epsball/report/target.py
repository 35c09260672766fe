"""What a run looked for: any error, or one class; of the latter no word may say that the rest is robust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.report.text import class_names, count

if TYPE_CHECKING:
    from epsball.record import Plan


def target(plan: Plan) -> str:
    """``class 3`` where the run's attacks looked for that class alone; empty where they looked for any error."""
    names = class_names(plan.data, max(plan.targets, default=0) + 1)
    return " or ".join(f"class {names[label]}" for label in plan.targets)


def left(plan: Plan) -> str:
    """What is said of a sample that no attack changed: ``correct``, or ``not turned into class 3``."""
    towards = target(plan)
    return f"not turned into {towards}" if towards else "still classified correctly"


def left_out(plan: Plan) -> str:
    """How many samples were not part of the run because they have the target as their label; empty where there are none."""
    n = plan.data.left_out
    return f"{count(n)} image{'s' * (n != 1)} of {target(plan)} {'were' if n != 1 else 'was'} left out" if n else ""
