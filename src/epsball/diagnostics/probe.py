"""What the checks before the first attack are handed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.errors import ModelError
from epsball.models.memory import is_out_of_memory
from epsball.models.outputs import gradient_failure
from epsball.threat import Threat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.inputs import Inputs
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
        expected: the clean accuracy that the user expects; None where nobody said.
        made_on: the fingerprint of the network on which the inputs were made as adversarial examples; empty where they were not.
        weights: the fingerprint of the model's own, as records have it.
        source: name of the data; empty where it is not known.
    """

    when: ClassVar[str] = "preflight"

    model: Model
    x: Inputs
    y: Tensor
    clean: NDArray[np.int64]
    classes: int
    threat: Threat = field(default_factory=lambda: Threat("linf"))
    batch_size: int = SAMPLES
    names: tuple[str, ...] = ()
    expected: float | None = None
    made_on: str = ""
    weights: str = ""
    source: str = ""

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

    def slopes(self, x: Tensor, values: Callable[[Tensor], Sequence[Tensor]]) -> list[Tensor | None]:
        """Gradients `(n, …)` of numbers computed from the logits at `x`; None for what does not depend on it.

        Entries that are NaN or infinite become 0.

        Args:
            x: points (n, …).
            values: (logits) -> numbers, each to be differentiated.

        Raises:
            ModelError: the model failed, or its backward pass.
        """
        with torch.enable_grad():
            leaf = x.detach().clone().requires_grad_()
            sums = values(self.model(leaf))
            last = len(sums) - 1
            try:
                found = [_slope(each, leaf, again=place < last) for place, each in enumerate(sums)]
            except ModelError:  # what was compiled frees its memory in the backward pass, which runs once
                if not last:
                    raise
                found = [_slope(values(self.model(leaf))[place], leaf, again=False) for place in range(len(sums))]
        return [None if each is None else each.nan_to_num(0, 0, 0) for each in found]

    @cached_property
    def passes(self) -> Tensor:
        """Logits (5, n, K) of repeated passes over the probe."""
        x, _ = self.probe
        with torch.no_grad():
            return torch.stack([self.model(x) for _ in range(PASSES)])


def _slope(value: Tensor, leaf: Tensor, *, again: bool) -> Tensor | None:
    if not value.requires_grad:
        return None
    try:
        return torch.autograd.grad(value, leaf, retain_graph=again, allow_unused=True)[0]
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise gradient_failure(error) from error


def lead(logits: Tensor, label: Tensor, rival: Tensor) -> Tensor:
    """By how much the label is ahead of the rival, `(n,)`, without rounding of its own."""
    chosen = logits.gather(1, torch.stack((label, rival), 1)).double()
    return chosen[:, 0] - chosen[:, 1]
