"""What the checks before the first attack are handed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.threat import Threat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.model import Model

SAMPLES = 64
PASSES = 5


@dataclass(frozen=True, eq=False)
class Preflight:
    """A frozen model and the samples of an evaluation.

    Args:
        model: the classifier.
        x: inputs (n, …).
        y: labels (n,).
        clean: labels predicted on the inputs (n,).
        classes: how many the model tells apart.
        threat: norm, budget and box of the attacks to come.
    """

    when: ClassVar[str] = "preflight"

    model: Model
    x: Tensor
    y: Tensor
    clean: NDArray[np.int64]
    classes: int
    threat: Threat = field(default_factory=lambda: Threat("linf"))

    @property
    def probe(self) -> tuple[Tensor, Tensor]:
        """The first inputs and labels, one batch of at most 64, for checks that cost forward passes."""
        return self.x[:SAMPLES].detach(), self.y[:SAMPLES]

    @cached_property
    def passes(self) -> Tensor:
        """Logits (5, n, K) of repeated passes over the probe."""
        x, _ = self.probe
        with torch.no_grad():
            return torch.stack([self.model(x) for _ in range(PASSES)])
