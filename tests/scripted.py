"""An attack whose search is a function that the test writes, on a small affine classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import epsball as eb
from contract.problems import Affine, digits
from epsball.attacks.base import Attack

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from epsball.oracle.oracle import Oracle

MODEL = Affine((1, 4, 4), 4)
X = digits(28, (1, 4, 4))
Y = MODEL(X).argmax(1).detach()
THREAT = eb.Threat("linf", 0.05)


@dataclass(frozen=True)
class Scripted(Attack):
    """Runs what a test hands it."""

    script: Callable[[Oracle], Tensor]
    accepts_start = True

    def run(self, ask: Oracle) -> Tensor:
        return self.script(ask)


def attacked(script: Callable[[Oracle], Tensor], **settings: Any) -> eb.Found:
    """What a script finds on 28 samples."""
    return Scripted(script)(MODEL, X, Y, settings.pop("threat", THREAT), **settings)
