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

_LATELY = 0.995
"""How much of a call still counts after the next: about two hundred calls tell how many rows one asks of."""


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
        self._lately, self._each = Work(), 0.0

    @property
    def passes(self) -> Tensor:
        """Queries and gradients, `(N,)`."""
        return self.queries + self.gradients

    def foresee(self, samples: Tensor, each: float, later: Work) -> None:
        """Expect `each` more passes for every one of some samples, and `later` after that in all."""
        self.expected[samples] = (self.passes[samples] + each).to(self.expected)
        self.later = later

    def add(
        self, samples: Tensor | slice, n: int, m: int, local: Local, cost: Cost, alive: Tensor, *, differentiate: bool
    ) -> None:
        """Add what a pass of `n` points cost their `samples` `(n,)`, and tell the caller.

        Args:
            samples: whose points they were.
            n: how many points there were.
            m: how many of them a row was asked about at once.
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
            self._lately = self._lately.times(_LATELY) + Work(passes, 1)
            self._each = self._each * _LATELY + passes * m / n
            self._terms.tick(passes, partial(self._coming, alive))

    def _coming(self, alive: Tensor) -> Work:
        """What is expected, if calls go on as of late; there are at least as many as the row that needs most has passes left for.

        There are more where calls ask of few rows each, as in a search that goes on for those alone that came nearer. Fewer do so in
        the end, so the middle of both is taken.
        """
        left = (self.expected - self.passes)[alive].clamp_min(0)
        longest, rest = (left.max().item() if len(left) else 0.0), left.sum().item()
        least, usual = longest * self._lately.calls / self._each, rest * self._lately.calls / self._lately.passes
        return Work(rest, max(least, (least + usual) / 2)) + self.later


def _add(counts: Tensor, samples: Tensor | slice, more: Tensor | int) -> None:
    """Add to the counts of samples that may be named several times."""
    if isinstance(samples, slice):
        counts[samples] += more
    elif isinstance(more, Tensor) or more:
        more = torch.as_tensor(more, dtype=counts.dtype, device=counts.device)
        counts.index_add_(0, samples, more.expand(len(samples)))
