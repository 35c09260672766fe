"""D16."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.chance import guess
from epsball.diagnostics.probe import Preflight
from epsball.record.proportion import Proportion
from epsball.record.statistics import more_often

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANCE = 0.01
"""How likely a shift may do better by luck (exact McNemar test) before it is taken for the cause."""


@check("D16", "FAIL", Preflight, remedy="check weights, labels and normalisation: eb.wrap(net, mean=, std=)", ends=True)
def baseline(given: Preflight) -> Iterator[Observation]:
    """Clean accuracy must beat guessing, no label stand for all, and accuracy not rise beyond chance when labels are shifted by one."""
    label, predicted, classes = given.y.cpu().numpy(), given.clean, given.classes
    right = label == predicted
    shifted = {shift: (label + shift) % classes == predicted for shift in (1, -1)}
    shift = max(shifted, key=lambda by: int(shifted[by].sum()))
    gained, lost = int((shifted[shift] & ~right).sum()), int((right & ~shifted[shift]).sum())
    if classes > 2 and more_often(gained, lost) < _CHANCE:  # noqa: PLR2004 (with two classes a shift only swaps them)
        yield Observation(
            "The labels look shifted",
            f"clean accuracy {Proportion.of(right)}, with labels shifted by {shift:+d} {Proportion.of(shifted[shift])}",
            "check whether the classes are counted from 0, in the model's order",
        )
    elif seen := guess(label, predicted, classes):
        yield Observation("The model is hardly better than guessing, so its robustness says nothing", f"clean {seen}")
