"""What the second look at every claimed hit left over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from epsball.record.evaluation import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from epsball.record.evaluation import Severity

REASONS: dict[str, tuple[str, Severity, str, str]] = {
    "moved": (
        "D14",
        "FAIL",
        "{name} returned points outside the ball or the box, or named a wrong distance; they do not count",
        "correct the attack: project onto the ball and the box in the type of the input",
    ),
    "label": (
        "D29",
        "WARN",
        "{name} claimed errors that a fresh pass through the model does not show; they do not count",
        "search in the model's own precision, and check that the model is deterministic",
    ),
}


def dropped_claims(dropped: Mapping[str, Mapping[str, list[int]]]) -> list[Finding]:
    """D14 and D29: the ids of dropped hits, by attack and reason ("moved", "label")."""
    found = []
    for name, reasons in dropped.items():
        for reason, ids in sorted(reasons.items()):
            if ids:
                identity, severity, message, remedy = REASONS[reason]
                evidence = f"{len(ids)} hits, sample {min(ids)} among them"
                found.append(Finding(identity, severity, message.format(name=name), evidence, remedy))
    return found


def lucky_draws(held: NDArray[np.float64], passes: int) -> Finding | None:
    """D22: the share of passes (k,) in which each counted hit held must be 1."""
    if not len(held) or held.min() == 1:
        return None
    lucky = int((held < 1).sum())
    return Finding(
        "D22",
        "WARN",
        "Some hits hold only for some of the model's random draws",
        f"{lucky} of {len(held)} hits held in fewer than all of {passes} passes: least {held.min():.0%}, median {np.median(held):.0%}",
        "quote the robust accuracy with this spread, or attack the model's average over many draws",
    )
