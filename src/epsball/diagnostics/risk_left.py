"""D51."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

LATE = 0.9
"""Share of the most passes that any sample cost, after which an error came late."""


@check(
    "D51",
    "INFO",
    Outcome,
    remedy="more samples narrow the interval; where the second course still breaks some, evaluate with `autoattack` as well",
)
def risk_left(run: Outcome) -> Iterator[Observation]:
    """Says what is left to fall: samples near an error, errors that came late, and what a second course on a random share brought."""
    for name, rows in run.attacks.items():
        near, passes = run.near.get(name), rows.queries + rows.gradients
        if near is None or run.traits[name].sampled or not len(rows):
            continue
        late = int((rows.within(run.eps) & (passes > LATE * passes.max())).sum())
        said = [
            f"{len(near)} of {int((~rows.success).sum())} that stood after {name} are near an error, {late} fell in its last tenth"
        ]
        said += [_again(run, other) for other in run.attacks if run.traits[other].sampled]
        broken = any(run.attacks[other].success.any() for other in run.attacks if run.traits[other].sampled)
        yield Observation(
            "More passes may still lower the figure" if broken else "What is left to fall",
            "; ".join(said),
            severity="WARN" if broken else "INFO",
        )


def _again(run: Outcome, name: str) -> str:
    rows = run.attacks[name]
    drawn = rows.queries + rows.gradients > 1
    return f"{name}: a second course on {int(np.sum(drawn))} drawn at random broke {int(rows.success.sum())}"
