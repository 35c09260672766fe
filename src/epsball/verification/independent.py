"""Reported successes checked again by code that shares nothing with the search: fresh passes, own distances in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.models.memory import halved
from epsball.validation import finite_logits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from epsball.models.inputs import Inputs
    from epsball.models.model import Model

SAME = 1e-6
"""Two computations of one distance may differ by this fraction of it."""
ROUNDING = 1e-9
"""A sum in float64 may exceed ε by this fraction of it, from the order of adding alone."""
LEVEL = 1e-2
"""Fraction of the distance of two levels by which a feature may be off its level: the rounding of its type."""
PASSES = 20
"""How often each success on a model that draws random numbers is passed through it again."""
SUCCESS_RATE = 0.5
"""A success on such a model counts if this fraction of the passes shows it again."""


@dataclass(frozen=True, eq=False)
class Replayed:
    """What the model said in each pass: label and its softmax probability, (passes, n) each; and the label of what it rejects."""

    label: NDArray[np.int64]
    confidence: NDArray[np.float64]
    rejected: int = -1

    def success_rate(self, label: NDArray[np.int64]) -> NDArray[np.float64]:
        """Fraction of the passes in which each input was accepted and not given its label (n,)."""
        rate: NDArray[np.float64] = ((self.label != label) & (self.label != self.rejected)).mean(0)
        return rate


def replay(model: Model, x: Inputs, *, batch_size: int, passes: int = 1) -> Replayed:
    """Pass x (n, …) through the model in its own precision, `batch_size` at a time and `passes` times.

    This loop is verification's own: it shares none with what measures.

    Args:
        model: the classifier.
        x: its inputs, in data units.
        batch_size: inputs in one pass; halved while memory does not suffice.
        passes: repetitions, with fresh random numbers where the model draws any.

    Raises:
        ModelError: the model failed or did not return finite numbers.
    """
    label, confidence = np.empty((passes, len(x)), np.int64), np.empty((passes, len(x)), np.float64)
    rejected = -1
    with torch.inference_mode(mode=False), torch.no_grad(), model.frozen():
        for number in range(passes):
            start = 0
            while start < len(x):
                stop = min(start + batch_size, len(x))
                try:
                    logits = model(x[start:stop].detach())
                except (RuntimeError, MemoryError) as error:
                    batch_size = halved(batch_size, error)
                    continue
                finite_logits(logits, torch.arange(start, stop, device=logits.device))
                best = logits.argmax(1)
                rejected = logits.shape[1] - 1 if model.outputs == "reject" else -1
                probability = logits.double().softmax(1).gather(1, best[:, None]).squeeze(1)
                label[number, start:stop], confidence[number, start:stop] = (
                    best.cpu().numpy(),
                    probability.cpu().numpy(),
                )
                start = stop
    return Replayed(label, confidence, rejected)


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


def on_levels(x: NDArray[Any], low: Any, high: Any, levels: int | None) -> NDArray[np.bool_]:
    """Whether every feature of a row (n, …) is one of the evenly spaced levels from low to high; always where there are none."""
    if levels is None:
        return np.ones(len(x), np.bool_)
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(high > low, (x.astype(np.float64) - low) * (levels - 1) / (high - low), 0.0)
    near = np.abs(place - np.rint(place)) <= LEVEL
    on: NDArray[np.bool_] = near.reshape(len(x), math.prod(x.shape[1:])).all(1)
    return on


def inside_ball(distance: NDArray[np.float64], eps: float) -> NDArray[np.bool_]:
    """Whether a distance is at most ε, but for the order of adding in float64."""
    within: NDArray[np.bool_] = distance <= eps * (1 + ROUNDING)
    return within
