"""An attack on a few of the samples, as a control of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.combine import Wrapper
from epsball.validation import nonnegative

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.oracle.oracle import Oracle
    from epsball.oracle.work import Work


@dataclass(frozen=True)
class Selected(Wrapper):
    """Run an attack with fresh random numbers; in an evaluation on a few samples only, chosen after the attacks on all.

    Which ones says `epsball.record.selection`. A call runs it on every sample given.

    Args:
        attack: what is run.
        check: id of the check that reads what it finds; empty for none.
        nearest: how many samples that are robust so far, those nearest to an error.
        drawn: how many others of these, drawn by (seed, id).
        correct: whether these are drawn from all correctly classified samples instead.
    """

    attack: Attack
    check: str = ""
    nearest: int = nonnegative(16)
    drawn: int = nonnegative(16)
    correct: bool = False

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    @property
    def accepts_start(self) -> bool:  # type: ignore[override]
        return False

    @property
    def maximises(self) -> bool:
        return False

    @property
    def expected_passes(self) -> float:
        return self.attack.expected_passes

    def expected_work(self, samples: float) -> Work:
        return self.attack.expected_work(min(samples, self.nearest + self.drawn))

    def run(self, ask: Oracle) -> Tensor:
        with ask.among(ask.live, afresh=True):
            return ask.finish(self.attack.run(ask))
