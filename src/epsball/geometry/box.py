"""The box of valid values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.errors import InputError, brief

if TYPE_CHECKING:
    from torch import Tensor


def checked_box(low: float | Tensor, high: float | Tensor) -> Tensor:
    """Return the width of the box, high - low, in float64.

    Raises:
        InputError: limits that do not fit each other, an empty box, a single point, or one without end.
    """
    lowest, highest = (torch.as_tensor(bound, dtype=torch.float64) for bound in (low, high))
    box = f"the box was given as [{brief(low)}, {brief(high)}]"
    try:
        span = highest - lowest.to(highest.device)
    except RuntimeError as error:
        raise InputError(f"{box}; expected limits of one shape, or of shapes that broadcast") from error
    if not bool((span >= 0).all()) or not bool((span > 0).any()):
        raise InputError(f"{box}; expected low below high, and equal to it only where a feature is frozen")
    if not bool(lowest.isfinite().all() & highest.isfinite().all()):
        raise InputError(f"{box}; expected finite limits, the range of the data")
    return span
