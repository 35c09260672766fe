"""What the model answers on many inputs: labels, confidences, and how often it is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from epsball.models.forward import forward
from epsball.models.rejection import REJECT
from epsball.validation import finite_logits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.model import Model


@dataclass(frozen=True, eq=False)
class Answers:
    """Label and softmax probability of each pass, (passes, n) each, the number K of classes, and the inputs that one pass holds.

    An input that the model rejects has the label K.
    """

    label: NDArray[np.int64]
    confidence: NDArray[np.float64]
    classes: int
    batch_size: int

    def wrong(self, label: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each input was accepted and not given its label (n,), in each pass (passes, n)."""
        wrong: NDArray[np.bool_] = (self.label != label) & (self.label < self.classes)
        return wrong


def answers(
    model: Model,
    x: Tensor,
    batch_size: int,
    passes: int = 1,
    inspect: Callable[[Tensor, slice], None] | None = None,
) -> Answers:
    """Ask the model for the labels of x (n, …).

    Args:
        model: the classifier.
        x: its inputs, in data units.
        batch_size: inputs in one pass; fewer where memory does not suffice.
        passes: repetitions, with fresh random numbers where the model draws any.
        inspect: called with the logits of the first pass and the rows they belong to.

    Raises:
        ModelError: the model failed or did not return finite numbers.
    """
    label, confidence = np.empty((passes, len(x)), np.int64), np.empty((passes, len(x)), np.float64)
    classes = 0

    def visit(number: int, rows: slice, logits: Tensor) -> None:
        nonlocal classes
        classes = logits.shape[1] - (model.outputs == REJECT)
        finite_logits(logits, torch.arange(rows.start, rows.stop, device=logits.device))
        if inspect is not None and number == 0:
            inspect(logits[:, :classes], rows)
        best = logits.argmax(1)
        probability = logits.double().softmax(1).gather(1, best[:, None]).squeeze(1)
        label[number, rows], confidence[number, rows] = best.cpu().numpy(), probability.cpu().numpy()

    batch_size = forward(model, x, batch_size, visit, passes=passes)
    return Answers(label, confidence, classes, batch_size)
