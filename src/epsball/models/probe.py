"""A model's answers on a few fixed images, and when two sets of answers are those of one model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from epsball.models.forward import batches
from epsball.randomness import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from epsball.models.model import Model

    Table = Sequence[Sequence[float]]

IMAGES = 8
DRAWS = 100
SEED = 20141220
RANDOM = 1e-4
"""Normalised logits of repeated passes that differ by more are a random model's."""
TOLERANCE = 1e-3
TOLERANCE_ON_ACCELERATOR = 1e-2
"""Sums in another order move logits by up to this fraction of their standard deviation, on accelerators, with kernels chosen by
batch size and TF32, by the second."""
ROUNDING = 16
"""Units of rounding of the largest logit by which any two passes may differ."""
REFUSED = 1e-6
"""Probability with which a random model is taken for another one, at most."""
_HUGE = 1e300


def probe_images(x: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """Return `(8, …)` images in the box [low, high], of the shape, type and device of `x` `(N, …)`: the same everywhere.

    Half are uniform in the box; half are of one brightness each with a tenth of the range of noise on it, which convolutions
    that average the noise away still tell apart.
    """
    numbers = Stream(SEED, torch.arange(IMAGES), 0).uniform(x[0].numel() + 1)
    noise, brightness = numbers[:, 1:], numbers[:, :1]
    faint = torch.arange(IMAGES)[:, None] % 2 == 1
    images = torch.where(faint, 0.9 * brightness + 0.1 * noise, noise).reshape(IMAGES, *x.shape[1:])
    low, high = (torch.as_tensor(side, dtype=torch.float64).cpu() for side in (low, high))
    return (low + (high - low) * images).to(x)


def answers(model: Model, images: Tensor) -> Tensor:
    """Return the logits `(8, K)` on the probe images."""
    with torch.inference_mode(mode=False), torch.no_grad():
        return torch.cat([logits for _, logits in batches(model, images, IMAGES)])


def tolerated(logits: Tensor, *, accelerator: bool) -> float:
    """Return by how much another pass over the same inputs may move logits `(n, K)` for rounding alone."""
    spread = float(logits.double().std()) if logits.numel() > 1 else 0.0
    rounding = ROUNDING * torch.finfo(logits.dtype).eps * float(logits.abs().amax())
    return max((TOLERANCE_ON_ACCELERATOR if accelerator else TOLERANCE) * spread, rounding)


def is_random(first: Tensor, again: Tensor) -> bool:
    """Return whether logits `(n, K)` of two passes over one batch are a random model's."""
    one, two = (torch.nn.functional.normalize(logits.double(), dim=1) for logits in (first, again))
    return bool((one - two).abs().amax() > RANDOM) or not torch.equal(first.argmax(1), again.argmax(1))


def frequencies(model: Model, images: Tensor) -> Tensor:
    """Return how often each class was the label of each image, `(8, K)`, over 100 passes."""
    passes = [
        torch.nn.functional.one_hot(z.argmax(1), z.shape[1]) for z in (answers(model, images) for _ in range(DRAWS))
    ]
    return torch.stack(passes).double().mean(0)


def other_answers(recorded: Table, now: Table, *, accelerator: bool, dtype: str) -> str:
    """Return what tells two tables of logits `(n, K)` apart, empty where rounding explains it.

    |z - z'| <= max(t s, 16 u |z|), with t the tolerance above, s the standard deviation of the recorded logits without classes
    that never vary, u the unit of rounding of their type and |z| the largest logit of the class.
    """
    one, two = np.asarray(recorded, np.float64), np.asarray(now, np.float64)
    if one.shape != two.shape:
        return f"{two.shape[-1]} classes instead of {one.shape[-1]}"
    size = np.abs(one).max(0)
    rounding = ROUNDING * torch.finfo(getattr(torch, dtype)).eps * np.where(size < _HUGE, size, 0)
    varying = one[:, np.ptp(one, axis=0) > rounding]
    spread = float(varying.std()) if varying.size and size.max() < _HUGE else _spread_of_finite(one)
    apart = np.abs(one - two)
    if (apart <= np.maximum((TOLERANCE_ON_ACCELERATOR if accelerator else TOLERANCE) * spread, rounding)).all():
        return ""
    return f"largest difference {apart.max():.2g}"


def _spread_of_finite(table: NDArray[np.float64]) -> float:
    finite = table[np.abs(table) < _HUGE]
    return float(finite.std()) if finite.size else 0.0


def other_frequencies(recorded: Table, now: Table) -> str:
    """Return what tells the label frequencies `(n, K)` of two random models apart, empty where chance explains it.

    Two means of m draws of one probability differ by more than t with probability at most 2 exp(-m t²) (Hoeffding 1963); over all
    n K frequencies t = sqrt(ln(2 n K / 10⁻⁶) / m) is exceeded by one and the same model once in a million comparisons at most.
    """
    one, two = np.asarray(recorded, np.float64), np.asarray(now, np.float64)
    if one.shape != two.shape:
        return f"{two.shape[-1]} classes instead of {one.shape[-1]}"
    apart = float(np.abs(one - two).max())
    if apart <= math.sqrt(math.log(2 * one.size / REFUSED) / DRAWS):
        return ""
    return f"a label's frequency differs by {apart:.2f}"


def as_numbers(table: Tensor) -> tuple[tuple[float, ...], ...]:
    """Return a table as numbers that JSON can hold: infinities as ±1e300, what is no number as 0."""
    finite = torch.nan_to_num(table.double(), nan=0.0, posinf=_HUGE, neginf=-_HUGE)
    return tuple(tuple(row) for row in finite.cpu().tolist())
