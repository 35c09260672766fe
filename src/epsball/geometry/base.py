"""What a norm has to say about itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

Radius: TypeAlias = "float | Tensor"
Bound: TypeAlias = "float | Tensor"

TINY = 1e-30
"""Added to a denominator that may be 0, where the numerator is 0 as well: the quotient is then 0 and not NaN."""


class Draw(Protocol):
    """Random numbers for `(N, ...)` rows; see `epsball.randomness`."""

    def uniform(self, n: int) -> Tensor:
        """Return `(N, n)` numbers of the open interval (0, 1)."""

    def normal(self, n: int) -> Tensor:
        """Return `(N, n)` standard normal numbers."""


def rows(values: float | Tensor, like: Tensor) -> Tensor:
    """Shape one number per sample `(N,)`, or one for all, so that it broadcasts over `like` `(N, ...)`."""
    values = torch.as_tensor(values, dtype=like.dtype, device=like.device)
    return values.reshape(-1, *[1] * (like.ndim - 1)) if values.ndim else values


def per_row(value: float | Tensor, like: Tensor) -> Tensor:
    """Return one number per sample `(N,)` in the type of `like` `(N, ...)`."""
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(len(like))


def wide(x: Tensor) -> Tensor:
    """Return `x` in float32 at least: half precision is too coarse for lengths."""
    return x.float() if is_half(x) else x


def is_half(x: Tensor) -> bool:
    """Whether `x` has numbers of 16 bits."""
    return x.dtype in {torch.float16, torch.bfloat16}


def rounded_towards(x0: Tensor, x: Tensor) -> Tensor:
    """Return `x` in the type of `x0`, no coordinate farther from `x0` than it was."""
    near = x.to(x0.dtype)
    return torch.where((near - x0.to(x.dtype)).abs() > (x - x0).abs(), torch.nextafter(near, x0), near)


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of every sample, `(N,)`."""
    return (a * b).flatten(1).sum(1)


def room(v: Tensor, low: Bound, high: Bound) -> Tensor:
    """How far each coordinate may move in the direction of `v`: `high` where v >= 0, `-low` elsewhere."""
    way = torch.ones_like(v).copysign(v)
    return clip(way * torch.finfo(v.dtype).max, low, high).mul_(way)


def above_zero(v: Tensor) -> Tensor:
    """Return 1 where a number is above 0, else 0, `(N, …)`: a mask to multiply with, a tenth of the price of one of truth values."""
    return v.sign().clamp_min_(0)


def clip(v: Tensor, low: Bound, high: Bound) -> Tensor:
    """Return `v` cut to [low, high], `(N, ...)`."""
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        return torch.clamp(v, torch.as_tensor(low).to(v), torch.as_tensor(high).to(v))
    return v if low == -math.inf and high == math.inf else v.clamp(low, high)


def broadcasts(bound: Tensor, x: Tensor) -> bool:
    """Whether a limit fits inputs `(N, …)`, each or all of them."""
    try:
        bound.expand_as(x)
    except RuntimeError:
        return False
    return True


def largest(bound: Bound) -> float:
    """Return the largest absolute value of a limit."""
    return float(bound.abs().max()) if isinstance(bound, Tensor) else abs(float(bound))


def between(v: Tensor, low: Bound, high: Bound) -> bool:
    """Whether all of `v` is known to lie in [low, high], from its smallest and largest number in one pass; NaN would be both."""
    if isinstance(low, Tensor) or isinstance(high, Tensor) or is_half(v):
        return False
    least, most = v.detach().aminmax()
    return low <= least.item() and most.item() <= high


def unbounded(low: Bound, high: Bound) -> bool:
    """Whether the box is known to be all of space."""
    return isinstance(low, float) and isinstance(high, float) and math.isinf(low) and math.isinf(high)


@dataclass(frozen=True)
class Norm(ABC):
    """A norm, its dual, and the operators on S = { d : |d| <= radius, low <= d <= high }."""

    name: ClassVar[str]
    separable: ClassVar[bool] = False
    """Whether S is itself a box, so that a step needs no care for the pixel range before it is projected."""

    smallest_step: ClassVar[float] = 0.0
    """The shortest move there is."""

    @abstractmethod
    def __call__(self, v: Tensor) -> Tensor:
        """Return the length of every sample, `(N,)`."""

    @abstractmethod
    def dual(self, g: Tensor) -> Tensor:
        """Return max <g, d> over |d| <= 1, `(N,)`."""

    @abstractmethod
    def lmo(self, g: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        """Linear maximisation oracle: argmax <g, d> over S, `(N, ...)`."""

    def moved(self, x: Tensor, g: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        """Return x moved by the `lmo`'s answer, a new tensor `(N, ...)`."""
        return self.lmo(g, radius, low, high).add_(x)

    @abstractmethod
    def project(self, v: Tensor, radius: Radius, low: Bound = -math.inf, high: Bound = math.inf) -> Tensor:
        """Return the point of S that is nearest to `v` in the Euclidean sense, `(N, ...)`."""

    @abstractmethod
    def sample(
        self, like: Tensor, radius: Radius, draw: Draw, low: Bound = -math.inf, high: Bound = math.inf
    ) -> Tensor:
        """Return a random point of the ball, uniform before the box cuts it, `(N, ...)`."""

    @abstractmethod
    def to_hyperplane(self, w: Tensor, b: Tensor) -> Tensor:
        """Return the shortest d with <w, d> + b = 0, `(N, ...)`; 0 where w = 0 (DeepFool's closed step; eq. 7 is l2)."""

    @abstractmethod
    def onto_hyperplane(self, w: Tensor, b: Tensor, low: Bound, high: Bound) -> Tensor:
        """Return the shortest d of the box with <w, d> + b = 0, or the closest approach where the box forbids it."""

    @abstractmethod
    def rounding(self, n: int) -> float:
        """Return how far n coordinates that are each off by at most 1 can lie apart: the price of rounding x + d."""

    def around(self, x: Tensor, x0: Tensor, radius: Radius, low: Bound, high: Bound) -> Tensor:
        """Return the nearest point to `x` of the set { x0 + d : |d| <= radius, low <= x0 + d <= high }."""
        return x0 + self.project(x - x0, radius, low - x0, high - x0)


def rescaled(g: Tensor, b: Tensor, step: Callable[[Tensor, Tensor], Tensor], dual: Tensor) -> Tensor:
    """Return `step(g, |b| / dual)` against the sign of b: the move that cancels b, for a norm whose step is linear in length."""
    length = torch.where(dual > 0, b.abs() / dual.clamp_min(TINY), torch.zeros_like(b))
    return step(-rows(b.sign(), g) * g, length)
