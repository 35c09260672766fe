"""D16."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.chance import guess
from epsball.diagnostics.probe import Preflight

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("D16", "FAIL", Preflight, remedy="check weights, labels and normalisation: eb.wrap(net, mean=, std=)", ends=True)
def baseline(given: Preflight) -> Iterator[Observation]:
    """The clean accuracy must beat guessing, no label stand for all, and accuracy not rise when all labels are shifted by one."""
    label, predicted, classes = given.y.cpu().numpy(), given.clean, given.classes
    accuracy = float(np.mean(label == predicted))
    shifted = {shift: float(np.mean((label + shift) % classes == predicted)) for shift in (1, -1)}
    shift = max(shifted, key=lambda by: shifted[by])
    if classes > 2 and shifted[shift] > accuracy:  # noqa: PLR2004 (with two classes a shift only swaps them)
        yield Observation(
            "The labels look shifted",
            f"clean accuracy {accuracy:.1%}, with labels shifted by {shift:+d} {shifted[shift]:.1%}",
            "check whether the classes are counted from 0, in the model's order",
        )
    elif seen := guess(label, predicted, classes):
        yield Observation("The model is hardly better than guessing, so its robustness says nothing", f"clean {seen}")
