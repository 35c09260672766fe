"""What the checks before the first attack are handed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.models.memory import is_out_of_memory
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
        batch_size: inputs for which memory suffices in a pass without gradients.
        names: of the classes in the order of the labels; empty where they are not known.
        threat: norm, budget and box of the attacks to come.
    """

    when: ClassVar[str] = "preflight"

    model: Model
    x: Tensor
    y: Tensor
    clean: NDArray[np.int64]
    classes: int
    threat: Threat = field(default_factory=lambda: Threat("linf"))
    batch_size: int = SAMPLES
    names: tuple[str, ...] = ()

    @cached_property
    def probe(self) -> tuple[Tensor, Tensor]:
        """The first inputs and labels, one batch of at most 64 that fits into memory also with gradients."""
        n = min(SAMPLES, self.batch_size, len(self.x))
        while not self._fits(n):
            n //= 2
        return self.x[:n].detach(), self.y[:n]

    def _fits(self, n: int) -> bool:
        """Whether memory suffices for the gradients of n inputs; for one it has to."""
        try:
            with torch.enable_grad():
                leaf = self.x[:n].detach().requires_grad_()
                torch.autograd.grad(self.model(leaf).sum(), leaf, allow_unused=True)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 what the user's network raises is told by the check that meets it
            return n == 1 or not is_out_of_memory(error)
        return True

    @cached_property
    def passes(self) -> Tensor:
        """Logits (5, n, K) of repeated passes over the probe."""
        x, _ = self.probe
        with torch.no_grad():
            return torch.stack([self.model(x) for _ in range(PASSES)])
