"""D51."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.record.evaluation import AttackRows

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
    again = [name for name in run.attacks if run.traits[name].sampled]
    broken = any(run.attacks[name].success.any() for name in again)
    for name in (name for name in run.near if name not in again):
        rows = run.attacks[name]
        near, standing, passes = len(run.near[name]), int((~rows.success).sum()), rows.queries + rows.gradients
        late = int((rows.within(run.eps) & (passes > LATE * passes.max(initial=0))).sum())
        said = f"{near} of {standing} that stood after {name} are near an error, {late} fell in its last tenth"
        yield Observation(
            "More passes may still lower the figure" if broken else "What is left to fall",
            "; ".join(
                (
                    said,
                    *(_brought(other, run.attacks[other]) for other in again if (run.attacks[other].queries > 0).any()),
                )
            ),
            severity="WARN" if broken else "INFO",
        )


def _brought(name: str, rows: AttackRows) -> str:
    drawn = int((rows.queries > 0).sum())
    return f"{name}: a second course on {drawn} drawn at random broke {int(rows.success.sum())}"
