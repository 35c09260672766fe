"""A network that counts what each row is asked and remembers its best answer, for peers that have no budget of queries."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from epsball.geometry import NORMS

__all__ = ["BudgetSpentError", "Watched"]


class BudgetSpentError(Exception):
    """Every row has been asked as often as it may."""


class Watched(nn.Module):
    """A network as an attack sees it, with a ledger.

    Args:
        net: the network.
        x: the clean rows (N, …); a question of N rows is about each of them, one of other numbers about the nearest ones.
        y: their labels.
        norm: in which distance counts.
        eps: how far an error may be to count as a success; any distance when None.
        budget: questions a row.
    """

    def __init__(self, net: nn.Module, x: Tensor, y: Tensor, norm: str, eps: float | None, budget: int) -> None:
        super().__init__()
        self.net, self.x, self.y, self.norm = net, x, y, NORMS[norm]
        self.eps, self.budget = float("inf") if eps is None else eps * (1 + 1e-5) + 1e-7, budget
        self.asked = torch.zeros(len(x), dtype=torch.int64)
        self.best = x.clone()
        self.distance = torch.full((len(x),), torch.inf)
        self.first = torch.full((len(x),), budget + 1)

    def forward(self, z: Tensor) -> Tensor:
        """The network's logits."""
        z = z.to(self.x.dtype)
        logits: Tensor = self.net(z)
        with torch.no_grad():
            self._note(z.detach(), logits.argmax(1))
        if bool((self.asked >= self.budget).all()):
            raise BudgetSpentError
        return logits

    def _note(self, z: Tensor, decided: Tensor) -> None:
        if len(z) == len(self.x):
            at = torch.arange(len(z))
        elif len(self.x) == 1:
            at = torch.zeros(len(z), dtype=torch.int64)
        else:
            at = torch.cdist(z.flatten(1), self.x.flatten(1)).argmin(1)
        again = torch.zeros_like(at)
        if len(self.x) == 1:
            again = torch.arange(len(z))
        number = self.asked[at] + again + 1
        self.asked.index_add_(0, at, torch.ones_like(at))
        distance = self.norm(z - self.x[at])
        inside = (z >= 0).flatten(1).all(1) & (z <= 1).flatten(1).all(1)
        hit = (decided != self.y[at]) & inside & (number <= self.budget)
        for place in (hit & (distance < self.distance[at])).nonzero().squeeze(1).tolist():
            row = int(at[place])
            if distance[place] < self.distance[row]:
                self.distance[row], self.best[row] = distance[place], z[place]
        for place in (hit & (distance <= self.eps)).nonzero().squeeze(1).tolist():
            row = int(at[place])
            self.first[row] = min(int(self.first[row]), int(number[place]))
