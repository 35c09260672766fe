"""D29."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome
from epsball.record.statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 0.25


@check(
    "D29",
    "WARN",
    Outcome,
    remedy="search in the model's own precision, and check that the model is deterministic",
)
def unconfirmed(run: Outcome) -> Iterator[Observation]:
    """Every reported success must be an error in a fresh pass; if more than a quarter of an attack's is none, it is a FAIL.

    Such a model answers otherwise than it did when the attack asked it. An attack from outside the library may have reported wrongly.
    """
    for name, reasons in run.dropped.items():
        if ids := reasons.get("label"):
            reported = len(ids) + int(run.attacks[name].success.sum())
            own = run.passes == 1 and not run.traits[name].third_party
            answers_otherwise = own and wilson(len(ids), reported)[0] > MANY
            yield Observation(
                f"{name} reported errors that a fresh pass through the model does not show; they do not count",
                f"{len(ids)} of {reported} successes, sample {min(ids)} among them",
                "the model's answers change with what it was asked before: reset what it remembers" * answers_otherwise,
                "FAIL" if answers_otherwise else None,
            )
