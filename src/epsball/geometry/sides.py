"""The sides of a set that is a box: lowest and highest value of every feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from epsball.geometry.base import Bound, Radius, clip, rows

if TYPE_CHECKING:
    from collections.abc import Callable

Sides = tuple[Tensor, Tensor]

_MOST = 2**24
"""Numbers of the inputs up to which sides are kept: their memory is twice that of the inputs."""


def sides(x0: Tensor, radius: Radius, low: Bound, high: Bound) -> Sides:
    """Return the lowest and the highest point of { x : |x - x0|_∞ <= radius, low <= x <= high }, `(N, …)` each."""
    r = rows(radius, x0)
    return clip(x0 - r, low, high), clip(x0 + r, low, high)


@dataclass
class LastSides:
    """Remembers the sides around the last inputs: an attack asks for the same ones at every step."""

    x0: Tensor | None = None
    version: int = 0
    radius: Radius | None = None
    found: Sides | None = None

    def __call__(self, x0: Tensor, radius: Radius | None, find: Callable[[], Sides]) -> Sides:
        """Return what `find` gives for inputs `x0` `(N, …)` and a radius; it is not called where both are the last ones, unchanged."""
        same = radius is self.radius or (isinstance(radius, float) and radius == self.radius)
        if self.found is not None and same and x0 is self.x0 and x0._version == self.version:  # noqa: SLF001 PyTorch's count of changes has no public name
            return self.found
        found = find()
        if x0.numel() <= _MOST:
            self.x0, self.version, self.radius, self.found = x0, x0._version, radius, found  # noqa: SLF001 the same
        return found
