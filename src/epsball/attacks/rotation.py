"""Rotation and translation of the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from epsball.attacks.base import Attack
from epsball.oracle.access import Access
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class RotationTranslation(Attack):
    """x(u, v) = x0(u cos θ + v sin θ + du, -u sin θ + v cos θ + dv), over a grid of angles and shifts.

    Engstrom et al. 2017, arXiv:1712.02779, section 3: grid search with bilinear interpolation, lowest values beyond the border.
    Deviations: small angles first, until one is a success; of equal angles all shifts are tried, and what counts as nearest is said by
    the threat's norm, whose ε need not be finite: the budget is the grid.

    Args:
        degrees: largest angle in either direction.
        shift: largest translation as a fraction of the side.
        angles: number of angles from 0 to the largest, in each direction.
        shifts: number of translations along each side.
    """

    access = Access.LABELS
    noise_only = True
    minimum_norm = True
    may_fail = True
    images_only = True

    degrees: Number = nonnegative(30.0)
    shift: Number = nonnegative(0.1)
    angles: int = positive(16)
    shifts: int = positive(5)

    @property
    def expected_passes(self) -> float:
        return 2 * self.angles * self.shifts**2

    def run(self, ask: Oracle) -> Tensor:
        s, x = ask.keep(x=ask.x0), ask.x0
        line = torch.linspace(-2 * self.shift, 2 * self.shift, self.shifts + (self.shifts == 1))[: self.shifts]
        for number in ask.steps(self.angles):
            angle = math.radians(self.degrees) * number / max(self.angles - 1, 1)
            both = torch.tensor([angle, -angle])[: 1 + (number > 0)]
            x = torch.stack([_moved(ask, *place) for place in torch.cartesian_prod(both, line, line).tolist()], 1)
            ask.retire(ask.met(x).any(1))
        return s.x


def _moved(ask: Oracle, angle: float, down: float, across: float) -> Tensor:
    """The images turned by an angle about their middle and shifted, in half sides."""
    height, width = ask.x0.shape[-2:]
    cos, sin = math.cos(angle), math.sin(angle)
    turned = [[cos, sin * height / width, across], [-sin * width / height, cos, down]]
    grid = F.affine_grid(ask.x0.new_tensor([turned]), [1, 1, height, width], align_corners=False)
    low = torch.as_tensor(ask.threat.low).to(ask.x0)
    moved = F.grid_sample(ask.x0 - low, grid.expand(len(ask.x0), -1, -1, -1), align_corners=False)
    return ask.threat.clip(moved + low)
