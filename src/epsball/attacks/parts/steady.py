"""Numbers that are the same in any batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.geometry import rows

if TYPE_CHECKING:
    from torch import Tensor


def steady(values: Tensor) -> Tensor:
    """Rows of float64 to 24 bits of their largest entry, or of 1 if that is more for single numbers.

    Products round differently in every batch, and quotients of gradients, as in Adam or in estimates of curvature, amplify that.
    """
    if values.dtype != torch.float64:
        return values
    top = values.abs().flatten(1).amax(1) if values.ndim > 1 else values.abs().clamp_min(1)
    unit = torch.ldexp(torch.ones_like(top), torch.frexp(top).exponent - 24)
    return (values / rows(unit, values)).round() * rows(unit, values)
