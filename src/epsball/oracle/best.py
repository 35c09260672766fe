"""Best-so-far: which rows still matter, and the nearest hit of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.goal import Goal
    from epsball.threat import Threat

_ROUNDING = 1e-4
"""A hit counts as rounded out of the threat if putting it back moves it by less than this share of its length."""


class Best:
    """The nearest hit of every sample.

    Args:
        x0: clean inputs `(N, …)`.
        goal: what counts as a hit.
        threat: where it counts.
        minimise: whether a row stays live after a hit, in search of a nearer one.
    """

    def __init__(self, x0: Tensor, goal: Goal, threat: Threat, *, minimise: bool) -> None:
        n, device = len(x0), x0.device
        self.x0, self.goal, self.threat, self.minimise = x0, goal, threat, minimise
        self.x = x0.clone()
        self.distance = torch.full((n,), torch.inf, dtype=torch.float64, device=device)
        self.hit = torch.zeros(n, dtype=torch.bool, device=device)
        self.alive = torch.ones(n, dtype=torch.bool, device=device)

    def record(
        self, x: Tensor, samples: Tensor | slice, logits: Tensor, *, sure: bool = True
    ) -> tuple[Tensor, Tensor] | None:
        """Note the answers `logits` `(n, K)` at points `x` `(n, …)` of `samples` `(n,)`.

        Returns:
            Points, and their samples, to ask about: those that met the goal just outside the threat and were moved inside, or,
            where the logits are not `sure`, all that met it.
        """
        hit = self.goal[samples].met(logits)
        self.hit[samples] = False
        if not bool(hit.any()):
            return None
        if isinstance(samples, slice):
            samples = torch.arange(samples.start, samples.stop, device=x.device)
        x, logits, samples = x[hit], logits[hit], samples[hit]
        if not sure:
            return x, samples
        x0, threat = self.x0[samples], self.threat[samples]
        distance = threat.distance(x, x0)
        goal = self.goal[samples]
        clear = (goal.margin(logits) < -goal.rounding(logits)) | (distance == 0)
        inside = threat.contains(x, x0)
        self.hit[samples] = clear & (inside | self.minimise)
        nearer = clear & inside & (distance < self.distance[samples])
        self.x[samples[nearer]] = x[nearer]
        self.distance[samples[nearer]] = distance[nearer]
        finished = clear & inside & ((distance == 0) | (not self.minimise))
        self.alive[samples[finished]] = False
        return self._just_outside(x, samples, clear & ~inside)

    def _just_outside(self, x: Tensor, samples: Tensor, outside: Tensor) -> tuple[Tensor, Tensor] | None:
        if not bool(outside.any()):
            return None
        x, samples = x[outside], samples[outside]
        inside = self.threat[samples].project(x, self.x0[samples])
        moved = (inside.double() - x.double()).flatten(1).norm(dim=1)
        slightly = moved < _ROUNDING * x.double().flatten(1).norm(dim=1)
        slightly &= self.threat[samples].contains(inside, self.x0[samples])
        return (inside[slightly], samples[slightly]) if bool(slightly.any()) else None
