"""D46."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("D46", "WARN", Outcome, remedy="for robust accuracy run attacks without a target")
def targets(run: Outcome) -> Iterator[Observation]:
    """Robust accuracy needs an attack for which any error is a success; with a target the samples left may be other errors nearby."""
    only = [run.traits[name].only_towards for name in run.attacks]
    if only and all(only):
        names = " or ".join(map(str, sorted({target for targets in only for target in targets})))
        yield Observation(
            f"Every attack aims at class {names}, so the samples left were only not turned into it: this is no robust accuracy",
            f"target {names}; {run.left_out} of {run.left_out + len(run.ids)} samples have it as their label and were left out",
        )
