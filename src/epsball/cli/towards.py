"""An attack aimed at one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from epsball.attacks.base import Attack, Found
from epsball.goal import Goal

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.threat import Threat


@dataclass(frozen=True)
class Towards(Attack):
    """The same attack, where only one class counts as a hit.

    Args:
        attack: what searches.
        target: the class to reach; no sample may have it as its label.
    """

    attack: Attack
    target: int

    def __post_init__(self) -> None:
        for fact in ("access", "minimum_norm", "starts_at_input", "norms"):
            object.__setattr__(self, fact, getattr(self.attack, fact))

    def __call__(self, model: Any, x: Tensor, y: Tensor | Goal, threat: Threat, **settings: Any) -> Found:
        """Attack with the target as the goal; `y` are the samples' own labels."""
        labels = y.labels if isinstance(y, Goal) else y
        goal = Goal.towards(labels.new_full(labels.shape, self.target), labels)
        return self.attack(model, x, goal, threat, **settings)

    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:
        """Search as the attack does."""
        return self.attack.run(ask, x0, threat)
