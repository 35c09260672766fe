"""D10."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D10",
    "FAIL",
    Outcome,
    remedy="the gradients are masked: attack a differentiable stand-in, and try more steps and restarts",
)
def noise(run: Outcome) -> Iterator[Observation]:
    """Random noise must not break a sample that all attacks with gradients miss."""
    drawn, white = run.group(lambda attack: attack.noise_only), run.group(lambda attack: attack.gradient)
    many = run.group(lambda attack: attack.many_steps)
    missed = int((drawn.success & many.queried & ~white.success).sum())
    if missed:
        yield Observation(
            "Random noise succeeds where gradients failed",
            f"{drawn} broke {missed} of {len(run.ids)} samples that {white} missed",
        )
    for control in run.selected("D10"):
        broken = bool(control.success.any())
        yield Observation(
            "Random noise breaks samples that withstood the suite"
            if broken
            else "Random noise was tried on robust samples",
            str(control),
            severity=None if broken else "INFO",
        )
