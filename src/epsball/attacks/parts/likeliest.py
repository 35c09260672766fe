"""The classes that an attack heads for one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


def likeliest(ask: Oracle, count: int) -> Tensor:
    """Return the `count` likeliest classes but the goal's own, the likeliest first, `(n, k)`; fewer where there are none.

    They are the likeliest at the nearest points known, or at the inputs where nothing is known; equally likely ones in the order of
    their numbers.
    """
    known = ask.known
    logits = ask.scores(ask.x0) if known is None else known.logits
    others = logits.scatter(1, ask.labels[:, None], -torch.inf)
    return others.argsort(dim=1, descending=True, stable=True)[:, :-1][:, :count]
