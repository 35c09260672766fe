"""D08."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome
from epsball.record.statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING_FOUND, MOSTLY = 0.05, 0.5


@check(
    "D08",
    "FAIL",
    Outcome,
    remedy="the gradients are masked: attack a smooth stand-in of the layer that masks them, "
    "eb.bpda(model, layer), --estimate bpda:LAYER",
)
def nothing_found(run: Outcome) -> Iterator[Observation]:
    """Without a limit on the distance gradients must lead to an error of 95 % of the samples: there is one, a grey image at the latest.

    Ten steps in a ball that holds a grey image are tried on a few samples of every run, for at most 4 % of its passes; more than 5 %
    left, as the 95 % interval says, are a FAIL. A minimum-norm attack that is left with so many is a WARN, for it may be short of
    steps; with more than half of them left it is a FAIL.
    """
    ladder = run.ladder
    if ladder is not None:
        n, left = len(ladder.ids), int((~ladder.broken[-1]).sum())
        if wilson(left, n)[0] > NOTHING_FOUND:
            yield Observation(
                "Gradients lead to no error even where a grey image is allowed, although there is one",
                f"of {n} samples {left} are classified correctly after ten steps there, "
                f"sample {ladder.ids[~ladder.broken[-1]][0]} among them",
            )
    for name, rows in run.attacks.items():
        attack, failed = run.traits[name], int((~rows.success).sum())
        if attack.gradient and attack.minimum_norm and failed > NOTHING_FOUND * len(rows):
            yield Observation(
                f"{name} finds no error at any distance for many samples, although one exists",
                f"{failed} of {len(rows)} samples, sample {rows.id[~rows.success][0]} among them",
                "allow more steps, or suspect masked gradients; the median distance is too large",
                severity="FAIL" if not attack.third_party and wilson(failed, len(rows))[0] > MOSTLY else "WARN",
            )
