"""D15."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.models.inputs import parts

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D15",
    "FAIL",
    Preflight,
    remedy="give ε in data units, the unit of the box; l0 counts features",
)
def wrong_unit(given: Preflight) -> Iterator[Observation]:
    """A finite ε must be smaller than the largest distance within the box, at every sample: beyond it, every image is allowed."""
    threat = given.threat
    if not threat.bounded:
        return
    eps = float(torch.as_tensor(threat.eps).max())
    middle = (0 * given.x[:1].double() + threat.low + threat.high) / 2
    if eps < float(threat.reach(middle).min()):
        return  # from no image of the box is the farthest one nearer than from its middle
    reach = min(float(threat.reach(part.double()).min()) for part in parts(given.x))
    if eps >= reach:
        yield Observation(
            "The budget allows every image of the box, which is probably a wrong unit",
            f"ε = {eps:g} in {threat.norm.name}; no image of the box is farther than {reach:g} from one of the samples",
        )
