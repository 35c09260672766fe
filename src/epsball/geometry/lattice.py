"""Points of a lattice inside ball and box: what can be saved as a picture of so many levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.errors import InputError, brief
from epsball.geometry.base import TINY, Bound, Norm, Radius, inner, per_row, rows

if TYPE_CHECKING:
    from collections.abc import Callable

_DOUBLINGS, _HALVINGS = 20, 40
_APART = 1e-6
"""Coordinates of equal size differ by up to this fraction, so that not all of them reach the next level together."""
_ROUNDINGS = 8
_MOST_LEVELS = 2**16
_SIXTEEN = 16
_OFF = 1e-2
"""Fraction of the distance of two levels by which an input may be off: the rounding of arithmetic done before."""


def tolerance(like: Tensor) -> float:
    """The fraction to which lengths of this type agree that are equal: eight steps of 1/255 are 8/255, in 32 bits too."""
    return max(1e-9, 4 * torch.finfo(like.dtype).eps)


@dataclass(frozen=True)
class Lattice:
    """The points low + k (high - low) / (levels - 1), k = 0 … levels - 1, of every coordinate; its rounding is towards the start.

    Directions are rounded as a whole: of all lattice moves round(s d) along d, the longest one that the length allows, or the
    shortest one that crosses a plane.

    Args:
        low: lowest level, a number or a tensor that broadcasts to points `(N, …)`.
        high: highest level.
        levels: how many there are.

    Raises:
        InputError: a number of levels that is none.
    """

    low: Bound
    high: Bound
    levels: int

    def __post_init__(self) -> None:
        """Check the number of levels."""
        if isinstance(self.levels, bool) or not isinstance(self.levels, int) or not 1 < self.levels <= _MOST_LEVELS:
            raise InputError(
                f"levels was given as {brief(self.levels)}; expected a whole number from 2 to {_MOST_LEVELS}, 256 for 8 bits"
            )

    def snapped(self, x: Tensor) -> Tensor:
        """Return pictures `(N, …)` with their levels exact.

        Raises:
            InputError: features between two levels, or a type too coarse for them.
        """
        if torch.finfo(x.dtype).bits <= _SIXTEEN:
            raise InputError(
                f"the inputs have type {str(x.dtype)[6:]}, which does not tell {self.levels} levels apart; expected x.float()"
            )
        near = self.nearest(x)
        if bool(((x - near).abs() > _OFF * self.spacing).any()):
            raise InputError(
                f"the inputs lie between the {self.levels} levels of the threat; expected pictures of so many levels: "
                "round them with threat.clip(x), or leave levels out"
            )
        return near

    @property
    def spacing(self) -> float:
        """The distance of two levels; of the coordinate where it is smallest."""
        span = torch.as_tensor(self.high - self.low, dtype=torch.float64)
        return float(span[span > 0].min()) / (self.levels - 1)

    def place(self, x: Tensor) -> Tensor:
        """Return the numbers of the nearest levels of points `(N, …)`, whole numbers in float64; 0 for frozen coordinates."""
        low, step = self._side(self.low, x), self._step(x)
        return ((x.double() - low) / step.clamp_min(TINY)).round().clamp(0, self.levels - 1) * (step > 0)

    def at(self, place: Tensor, kind: torch.dtype) -> Tensor:
        """Return the points of level numbers `(N, …)`."""
        low, high = self._side(self.low, place), self._side(self.high, place)
        return (low + (high - low) * place / (self.levels - 1)).to(kind)

    def nearest(self, x: Tensor) -> Tensor:
        """Return the nearest lattice points of points `(N, …)`."""
        return self.at(self.place(x), x.dtype)

    def holds(self, x: Tensor) -> Tensor:
        """Whether points `(N, …)` are lattice points but for the rounding of their type, `(N,)`."""
        near = self.at(self.place(x), torch.float64) - x.double()
        return (near.abs() <= _ROUNDINGS * torch.finfo(x.dtype).eps * self._scale(x)).flatten(1).all(1)

    def along(self, x: Tensor, d: Tensor, norm: Norm, length: Radius) -> Tensor:
        """Return x moved by the longest lattice move along `d` `(N, …)` of at most `length`."""
        if norm.separable:
            start, most = self.place(x), rows(length, d).double() / self._step(x).clamp_min(TINY) * (1 + tolerance(x))
            move = d.double().sign() * most.floor() * (self._step(x) > 0)
            return self.at((start + move).clamp(0, self.levels - 1), x.dtype)
        return self._moved(x, d, lambda move: norm(move) > per_row(length, move) * (1 + tolerance(x)))[0]

    def across(self, x: Tensor, d: Tensor, w: Tensor, b: Tensor) -> Tensor:
        """Return x moved by the shortest lattice move along `d` that crosses the plane <w, r> + b = 0, or the longest there is."""
        w, side = w.double(), -b.double().sign()
        return self._moved(x, d, lambda move: side * inner(w, move) >= b.double().abs())[1]

    def within(self, x: Tensor, x0: Tensor, norm: Norm, radius: Radius) -> Tensor:
        """Return `x`, a point of ball and box, rounded to the lattice without leaving the ball around the lattice point x0."""
        start, step = self.place(x0), self._step(x0)
        levels, radius = (x.double() - x0.double()) / step.clamp_min(TINY) * (step > 0), per_row(radius, x0.double())
        if norm.separable:
            most = (rows(radius, levels) / step.clamp_min(TINY) * (1 + tolerance(x0))).floor()
            move = levels.round().minimum(most).maximum(-most)
        else:
            move = self._scaled(
                levels, start, step, lambda move: norm(move) > radius * (1 + tolerance(x0)), ceiling=True
            )[0]
        point = self.at((start + move).clamp(0, self.levels - 1), x0.dtype)
        return self._inside(point, x0, norm, radius)

    def _inside(self, point: Tensor, x0: Tensor, norm: Norm, radius: Tensor) -> Tensor:
        """A point whose distance in float64 exceeds the radius by the rounding of its type, moved towards x0 by that rounding."""
        beyond = norm(point.double() - x0.double()) > radius
        if not bool(beyond.any()):
            return point
        apart = point - x0
        rounding = (4 * torch.finfo(x0.dtype).eps * self._scale(x0)).to(point)
        nearer = point - apart.sign() * torch.minimum(rounding, apart.abs())
        return torch.where(rows(beyond, point).bool(), nearer, point)

    def _moved(self, x: Tensor, d: Tensor, beyond: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        start, step = self.place(x), self._step(x)
        levels = d.double() / step.clamp_min(TINY) * (step > 0)
        short, far = self._scaled(levels, start, step, beyond, ceiling=False)
        return self.at(start + short, x.dtype), self.at(start + far, x.dtype)

    def _scaled(
        self, levels: Tensor, start: Tensor, step: Tensor, beyond: Callable[[Tensor], Tensor], *, ceiling: bool
    ) -> tuple[Tensor, Tensor]:
        """The moves round(s levels) within the box for the largest s that is not beyond, and for the smallest one that is.

        Args:
            levels: the direction in levels `(N, …)`.
            start: the level numbers that are left.
            step: the distance of two levels.
            beyond: (move in data units) -> `(N,)`.
            ceiling: whether s is at most 1.
        """
        count = levels[0].numel()
        order = torch.arange(count, device=levels.device, dtype=levels.dtype).reshape(levels.shape[1:])
        levels = levels if ceiling else levels * (1 - _APART * order / count)

        def move(scale: Tensor) -> Tensor:
            return (start + (rows(scale, levels) * levels).round()).clamp(0, self.levels - 1) - start

        low, high = levels.new_zeros(len(levels)), levels.new_ones(len(levels))
        over = beyond(move(high) * step)
        for _ in range(0 if ceiling else _DOUBLINGS):
            if bool(over.all()):
                break
            low, high = torch.where(over, low, high), torch.where(over, high, 2 * high)
            over = beyond(move(high) * step)
        low = torch.where(over, low, high)
        for _ in range(_HALVINGS if bool(over.any()) else 0):
            middle = (low + high) / 2
            far = beyond(move(middle) * step)
            low, high = torch.where(far, low, middle), torch.where(far, middle, high)
        return move(low), move(high)

    def _step(self, like: Tensor) -> Tensor:
        return (self._side(self.high, like) - self._side(self.low, like)) / (self.levels - 1)

    def _scale(self, like: Tensor) -> Tensor:
        """What the rounding of points is relative to."""
        return self._side(self.low, like).abs() + self._side(self.high, like).abs()

    def _side(self, bound: Bound, like: Tensor) -> Tensor:
        return torch.as_tensor(bound, dtype=torch.float64, device=like.device)
