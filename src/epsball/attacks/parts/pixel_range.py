"""How much a pixel can change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle


def pixel_range(ask: Oracle) -> Tensor:
    """Return the widest range of a pixel of each row, `(n,)`."""
    span = torch.as_tensor(ask.threat.high).to(ask.eps) - torch.as_tensor(ask.threat.low).to(ask.eps)
    return span.expand_as(ask.x0).flatten(1).amax(1)
