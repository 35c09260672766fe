"""The smallest budget with which an attack does a given amount of harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.errors import InputError
from epsball.threat import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.geometry import Norm
    from epsball.models.model import Model


def smallest_budget(
    attack: Attack,
    model: Model,
    x: Tensor,
    y: Tensor,
    norm: Norm,
    *,
    accuracy: float,
    most: float,
    halvings: int = 10,
    seed: int = 0,
    low: float = 0.0,
    high: float = 1.0,
) -> tuple[float, float]:
    """Find the smallest ε at which the attack leaves at most the fraction `accuracy` correct.

    ε is doubled from most / 2**halvings until it does, and the last doubling is bisected: under a single step accuracy falls with ε
    and may rise again far out, where every image looks alike to the network.

    Args:
        attack: an attack inside a ball.
        model: the classifier.
        x: inputs `(N, …)` of the box.
        y: labels `(N,)`.
        norm: of the ball.
        accuracy: the fraction of samples that may stay correct.
        most: the largest ε tried, in data units.
        halvings: of `most`; ε is known to most / 2**halvings.
        seed: of the attack's draws.
        low: smallest value of the box.
        high: largest value of the box.

    Returns:
        ε and the accuracy it leaves.

    Raises:
        InputError: no ε tried leaves as few.
    """

    def left(eps: float) -> float:
        return 1 - attack(model, x, y, Threat(norm, eps, low, high), seed=seed).success.double().mean().item()

    finest = most / 2**halvings
    under, over, reached = 0.0, finest, left(finest)
    while reached > accuracy and over < most:
        under, over = over, 2 * over
        reached = left(over)
    if reached > accuracy:
        raise InputError(
            f"{type(attack).__name__} in {norm.name} leaves {reached:.1%} correct at ε = {most:g}, more than {accuracy:.1%}; "
            "give a larger ε or a stronger attack"
        )
    while over - under > finest:
        middle = (under + over) / 2
        remaining = left(middle)
        under, over, reached = (under, middle, remaining) if remaining <= accuracy else (middle, over, reached)
    return over, reached
