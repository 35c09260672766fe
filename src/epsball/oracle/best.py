"""Best-so-far: which rows still matter, and the nearest success of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.goal import Goal
    from epsball.threat import Threat

_ROUNDING = 1e-4
"""A success counts as rounded out of the threat if putting it back moves it by less than this fraction of its length."""


class Recorded(NamedTuple):
    """What the answers at m points gave.

    Args:
        successes: which points are successes, `(k,)` places.
        unsure: which points are to be queried again, `(k,)` places; None for none of them.
        x: where, `(k, …)`: moved into the threat, or the same points where the logits were not sure.
    """

    successes: Tensor
    unsure: Tensor | None = None
    x: Tensor | None = None


class Best:
    """The nearest success of every sample.

    Args:
        x0: clean inputs `(N, …)`.
        threat: where a success counts.
        minimise: whether a row stays live after a success, in search of a nearer one.

    Attributes:
        beyond: whether an error outside the threat is a success to the search, though it is none to keep.
        chosen: the only samples that may be live, `(N,)`; all where None.
    """

    def __init__(self, x0: Tensor, threat: Threat, *, minimise: bool) -> None:
        n, device = len(x0), x0.device
        self.x0: Tensor = x0
        self.threat: Threat = threat
        self.minimise: bool = minimise
        self.beyond: bool = minimise
        self.x: Tensor = x0.clone()
        self.distance: Tensor = torch.full((n,), torch.inf, dtype=torch.float64, device=device)
        self.success: Tensor = torch.zeros(n, dtype=torch.bool, device=device)
        self.alive: Tensor = torch.ones(n, dtype=torch.bool, device=device)
        self.close: dict[str, Tensor] = {}
        self.chosen: Tensor | None = None

    def search(self, threat: Threat, *, minimise: bool) -> None:
        """Let successes count in another ball from now on; arguments are those of the class."""
        self.threat, self.minimise, self.beyond = threat, minimise, minimise

    def revive(self) -> None:
        """Make all rows live again that another search may improve."""
        eps = torch.as_tensor(self.threat.eps, dtype=self.distance.dtype, device=self.distance.device)
        self.alive = self.distance > (0 if self.minimise else eps)
        if self.chosen is not None:
            self.alive &= self.chosen

    def record(
        self,
        x: Tensor,
        samples: Tensor | slice,
        goal: Goal,
        logits: Tensor,
        *,
        sure: bool = True,
        distinct: bool = True,
    ) -> Recorded | None:
        """Note the answers `logits` `(m, K)` at points `x` `(m, …)` of `samples` `(m,)`; None where no point met the goal.

        Args:
            x: the points.
            samples: whose they are.
            goal: of these points.
            logits: the model's answers.
            sure: whether they are in the model's own precision; otherwise no point counts before it is queried again.
            distinct: whether no sample has several points among them.
        """
        met = goal.met(logits)
        if not bool(met.any()):
            return None
        if isinstance(samples, slice):
            samples = torch.arange(samples.start, samples.stop, device=x.device)
        at = met.nonzero().squeeze(1)
        if len(at) < len(met):
            x, goal, logits, samples = x[at], goal[at], logits[at], samples[at]
        if not sure:
            return Recorded(at[:0], at, x)
        x0, threat = self.x0[samples], self.threat[samples]
        distance = threat.distance(x, x0)
        unmoved = distance == 0
        clear = (goal.margin(logits) < -goal.rounding(logits)) | unmoved
        inside = threat.contains(x, x0, distance)
        valid = clear & inside
        if bool((close := inside & ~clear).any()):
            self._remember(x[close], samples[close], distance[close])
        nearer = valid & (distance < self.distance[samples])
        successes = clear if self.beyond else valid
        if distinct:
            self.success[samples] = successes
        else:
            self.success[samples[successes]] = True
            nearer = nearest_of_each(nearer, samples, distance, len(self.x0))
        kept = nearer.nonzero().squeeze(1)
        self.x[samples[kept]] = x[kept]
        self.distance[samples[kept]] = distance[kept]
        self.alive[samples[valid & unmoved if self.minimise else valid]] = False
        outside = clear ^ valid
        if not bool(outside.any()):
            return Recorded(at[successes])
        moved, slightly = self._just_outside(x[outside], samples[outside])
        return Recorded(at[successes], at[outside][slightly], moved[slightly])

    def _remember(self, x: Tensor, samples: Tensor, distance: Tensor) -> None:
        """Keep the nearest of the points whose decision is within rounding, which count if nothing clearer is found."""
        if not self.close:
            self.close = {"x": self.x0.clone(), "distance": torch.full_like(self.distance, torch.inf)}
        nearer = nearest_of_each(distance < self.close["distance"][samples], samples, distance, len(self.x0))
        self.close["x"][samples[nearer]] = x[nearer]
        self.close["distance"][samples[nearer]] = distance[nearer]

    def undecided(self) -> Tensor:
        """Return the samples `(k,)` that have no success but a point whose decision is one within rounding."""
        if not self.close:
            return torch.zeros(0, dtype=torch.int64, device=self.x0.device)
        return (self.close["distance"].isfinite() & self.distance.isinf()).nonzero().squeeze(1)

    def decide(self, accepted: Tensor) -> None:
        """Count the points of the `accepted` samples `(k,)` as successes, and forget the others."""
        self.x[accepted], self.distance[accepted] = self.close["x"][accepted], self.close["distance"][accepted]
        if not self.minimise:
            self.alive[accepted] = False
        self.close = {}

    def _just_outside(self, x: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return the points put back into the threat, and which of them rounding alone had moved out of it."""
        inside = self.threat[samples].project(x, self.x0[samples])
        moved = (inside.double() - x.double()).flatten(1).norm(dim=1)
        slightly = moved < _ROUNDING * x.double().flatten(1).norm(dim=1)
        slightly &= self.threat[samples].contains(inside, self.x0[samples])
        return inside, slightly.nonzero().squeeze(1)


def nearest_of_each(candidates: Tensor, samples: Tensor, distance: Tensor, n: int) -> Tensor:
    """Keep one candidate a sample: the nearest, of equally near ones the first."""
    at = candidates.nonzero().squeeze(1)
    order = at[distance[at].argsort(stable=True)]
    rank = torch.arange(len(order), device=order.device)
    first = torch.full((n,), len(order), device=order.device).scatter_reduce(0, samples[order], rank, "amin")
    kept = torch.zeros_like(candidates)
    kept[order[first[samples[order]] == rank]] = True
    return kept
