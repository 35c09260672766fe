"""Claims checked again by code that shares nothing with the search: fresh passes, own distances in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.errors import ModelError
from epsball.models.wrap import is_out_of_memory
from epsball.validation import finite_logits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.wrap import Model

SAME = 1e-6
"""Two computations of one distance may differ by this share of it."""
ROUNDING = 1e-9
"""A sum in float64 may exceed ε by this share of it, from the order of adding alone."""
PASSES = 20
"""How often a model that draws random numbers is asked about one hit."""
HELD = 0.5
"""A hit on such a model counts if it holds in this share of the passes."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What the model said in each pass: label and its softmax probability, (passes, n) each, and the number of classes."""

    label: NDArray[np.int64]
    confidence: NDArray[np.float64]
    classes: int

    def wrong(self, label: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share of the passes in which each input was not given its label (n,)."""
        share: NDArray[np.float64] = (self.label != label).mean(0)
        return share


def ask(
    model: Model, x: Tensor, *, rows: int, passes: int = 1, inspect: Callable[[Tensor, slice], None] | None = None
) -> Answers:
    """Pass x (n, …) through the model in its own precision, `rows` at a time and `passes` times.

    Args:
        model: the classifier.
        x: its inputs, in data units.
        rows: inputs in one pass; halved while memory does not suffice.
        passes: repetitions, with fresh random numbers where the model draws any.
        inspect: called with the logits of the first pass and the rows they belong to.

    Raises:
        ModelError: the model failed or did not return finite numbers.
    """
    label, confidence = np.empty((passes, len(x)), np.int64), np.empty((passes, len(x)), np.float64)
    classes = 0
    with torch.inference_mode(mode=False), torch.no_grad(), model.frozen():
        for number in range(passes):
            start = 0
            while start < len(x):
                at = slice(start, min(start + rows, len(x)))
                logits = _logits(model, x[at])
                if logits is None:
                    rows = _halved(rows)
                    continue
                finite_logits(logits, torch.arange(start, at.stop, device=logits.device))
                if inspect is not None and number == 0:
                    inspect(logits, at)
                best = logits.argmax(1)
                probability = logits.double().softmax(1).gather(1, best[:, None]).squeeze(1)
                label[number, at], confidence[number, at] = best.cpu().numpy(), probability.cpu().numpy()
                start, classes = at.stop, logits.shape[1]
    return Answers(label, confidence, classes)


def _logits(model: Model, x: Tensor) -> Tensor | None:
    """The logits, or None where memory did not suffice."""
    try:
        return model(x.detach())
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            return None
        raise


def _halved(rows: int) -> int:
    if rows == 1:
        raise ModelError("memory ran out with a single input; use a smaller model, or another device")
    return rows // 2


def length(norm: str, r: NDArray[Any]) -> NDArray[np.float64]:
    """|r| of every row (n, …) in float64."""
    flat = np.abs(r.reshape(len(r), math.prod(r.shape[1:])).astype(np.float64))
    if norm == "linf":
        return np.asarray(flat.max(1), np.float64)
    if norm == "l2":
        return np.asarray(np.sqrt((flat * flat).sum(1)), np.float64)
    return np.asarray((flat if norm == "l1" else flat != 0).sum(1), np.float64)


def relative(norm: str, distance: NDArray[np.float64], x0: NDArray[Any]) -> NDArray[np.float64]:
    """Return distance / |x0|: 0 where the distance is 0, inf where only the input is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance == 0, 0.0, distance / length(norm, x0))


def inside_box(x: NDArray[Any], low: Any, high: Any) -> NDArray[np.bool_]:
    """Whether every feature of a row (n, …) is a number between low and high, rounded to the type of x."""
    low, high = np.asarray(low, x.dtype), np.asarray(high, x.dtype)
    inside: NDArray[np.bool_] = ((x >= low) & (x <= high)).reshape(len(x), math.prod(x.shape[1:])).all(1)
    return inside


def inside_ball(distance: NDArray[np.float64], eps: float) -> NDArray[np.bool_]:
    """Whether a distance is at most ε, but for the order of adding in float64."""
    within: NDArray[np.bool_] = distance <= eps * (1 + ROUNDING)
    return within
