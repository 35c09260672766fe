"""What every sample has cost so far, in rows forwarded and gradients taken."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.oracle.work import Work

if TYPE_CHECKING:
    from epsball.models.cost import Cost
    from epsball.oracle.forward import Local
    from epsball.oracle.terms import Terms


class Counts:
    """Queries, gradients and undefined entries of these, `(N,)` each.

    Args:
        n: samples.
        device: where the counts are kept.
        terms: the attack's terms.
    """

    def __init__(self, n: int, device: torch.device, terms: Terms) -> None:
        self._terms = terms
        self.queries: Tensor = torch.zeros(n, dtype=torch.int64, device=device)
        self.gradients: Tensor = torch.zeros_like(self.queries)
        self.undefined: Tensor = torch.zeros_like(self.queries)
        self.expected: Tensor = torch.full((n,), terms.expected_passes, device=device)
        self.later = Work()

    @property
    def passes(self) -> Tensor:
        """Queries and gradients, `(N,)`."""
        return self.queries + self.gradients

    def foresee(self, samples: Tensor, each: float, later: Work) -> None:
        """Expect `each` more passes for every one of some samples, and `later` after that in all."""
        self.expected[samples] = (self.passes[samples] + each).to(self.expected)
        self.later = later

    def add(
        self, samples: Tensor | slice, n: int, local: Local, cost: Cost, alive: Tensor, *, differentiate: bool
    ) -> None:
        """Add what a pass of `n` points cost their `samples` `(n,)`, and tell the caller.

        Args:
            samples: whose points they were.
            n: how many points there were.
            local: what was asked there.
            cost: of one row.
            alive: whose search goes on, `(N,)`.
            differentiate: whether gradients could be asked for.
        """
        forwarded = cost.differentiated if differentiate else cost.forward
        gradients = cost.backward * local.gradients
        _add(self.queries, samples, forwarded)
        _add(self.gradients, samples, gradients)
        if local.undefined is not None:
            _add(self.undefined, samples, cost.backward * local.undefined)
        if self._terms.tick is not None:
            taken = int(gradients.sum()) if isinstance(gradients, Tensor) else gradients * n
            passes = forwarded * n + taken
            self._terms.tick(passes, partial(self._coming, alive, passes, n))

    def _coming(self, alive: Tensor, passes: int, n: int) -> Work:
        """What is expected, if a point is asked about at as many passes as those of the last `n` points."""
        each = (self.expected - self.passes)[alive].clamp_min(0)
        longest = each.max().item() if len(each) else 0.0
        return Work(each.sum().item(), longest * n / passes) + self.later


def _add(counts: Tensor, samples: Tensor | slice, more: Tensor | int) -> None:
    """Add to the counts of samples that may be named several times."""
    if isinstance(samples, slice):
        counts[samples] += more
    elif isinstance(more, Tensor) or more:
        more = torch.as_tensor(more, dtype=counts.dtype, device=counts.device)
        counts.index_add_(0, samples, more.expand(len(samples)))
