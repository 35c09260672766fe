"""Training on the images as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from epsball.training.objectives.base import OBJECTIVES, Named

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model


def standard(model: Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
    """Mean over the batch of L(θ, x, y), L the cross entropy."""
    del seed, ids  # nothing is drawn
    return F.cross_entropy(model.as_it_is(x), y)


OBJECTIVES.add(
    "standard", Named("cross entropy on the images as they are", lambda _threat, _steps: standard, needs_threat=False)
)
