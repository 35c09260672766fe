"""Where the gradient of a step is taken: (oracle, x, loss, memory of the rule, length of the step) -> gradient `(n, …)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.losses import Loss
    from epsball.oracle.oracle import Oracle

Slope: TypeAlias = "Callable[[Oracle, Tensor, Loss, Tensor | None, float | Tensor], Tensor]"

_APPLIED, _SIZE, _DOWN, _ACROSS = range(4)


def here(ask: Oracle, x: Tensor, loss: Loss, memory: Tensor | None, length: float | Tensor) -> Tensor:
    """Return the gradient at the point itself."""
    del memory, length
    return ask.gradient(x, loss)[1]


@dataclass(frozen=True)
class ahead:  # noqa: N801 - used like the function `here`, and printed with its settings
    """The gradient where the accumulated direction alone would lead to. Lin et al. 2020, arXiv:1908.06281, eq. 6.

    Deviations: the look-ahead is a step of the threat along the direction, decay times as long as the step, in all norms; the paper
    adds the direction itself, which the authors' code scales by its mean size.

    Args:
        decay: fraction of the step that is looked ahead.
        then: how the gradient is taken there.
    """

    decay: float = 1.0
    then: Slope = here

    def __call__(self, ask: Oracle, x: Tensor, loss: Loss, memory: Tensor | None, length: float | Tensor) -> Tensor:
        """Return the gradient at the point ahead."""
        at = x if memory is None else ask.threat.ascend(x, memory, self.decay * length, ask.x0)
        return self.then(ask, at, loss, memory, length)

    @property
    def images_only(self) -> bool:
        """Whether it needs images."""
        return bool(getattr(self.then, "images_only", False))

    @property
    def elsewhere(self) -> bool:
        """Whether the points asked about are not those of the search."""
        return bool(getattr(self.then, "elsewhere", False))


@dataclass(frozen=True)
class scaled:  # noqa: N801 - as above
    """1/m sum_i ∇_x J(x / 2^i, y), i = 0 … m - 1. Lin et al. 2020, arXiv:1908.06281, eq. 8. Deviations: none.

    Args:
        copies: the paper's m.
    """

    copies: int = 5

    def __call__(self, ask: Oracle, x: Tensor, loss: Loss, memory: Tensor | None, length: float | Tensor) -> Tensor:
        """Return the mean over the copies, which are asked about together."""
        del memory, length
        factors = (0.5 ** torch.arange(self.copies, device=x.device)).to(x).reshape(1, -1, *[1] * (x.ndim - 1))
        _, g = ask.gradient(factors * x[:, None], loss)
        return (factors * g).mean(1)


@dataclass(frozen=True)
class resized:  # noqa: N801 - as above
    """∇_x J(T(x), y), T shrinks the image and pads it with zeros at random. Xie et al. 2019, arXiv:1803.06978, eq. 5 and section 3.4.

    Deviations: the image is shrunk within its size instead of put into a larger one, which networks of one input size do not take.

    Args:
        probability: of a transformation.
        smallest: side of the smallest image, as a fraction.
        then: how the gradient is taken at the transformed image.
    """

    probability: float = 0.5
    smallest: float = 0.9
    then: Slope = here
    images_only = True
    elsewhere = True
    """Whether the points asked about are not those of the search."""

    def __call__(self, ask: Oracle, x: Tensor, loss: Loss, memory: Tensor | None, length: float | Tensor) -> Tensor:
        """Return the gradient through a transformation drawn for every row."""
        u = ask.draw().uniform(4).to(x)
        fraction = torch.where(u[:, _APPLIED] < self.probability, self.smallest + (1 - self.smallest) * u[:, _SIZE], 1)
        down, across = (
            _shrinking(x.shape[-2], fraction, u[:, _DOWN]),
            _shrinking(x.shape[-1], fraction, u[:, _ACROSS]),
        )
        g = self.then(ask, torch.einsum("nih,nchw,njw->ncij", down, x, across), loss, memory, length)
        return torch.einsum("nih,ncij,njw->nchw", down, g, across)


def _shrinking(side: int, fraction: Tensor, place: Tensor) -> Tensor:
    """Return the matrices `(n, side, side)` that shrink a line by nearest neighbours and put it at random between zeros."""
    size = (side * fraction).round()[:, None]
    first = (place[:, None] * (side - size + 1)).floor()
    at = torch.arange(side, device=fraction.device) - first
    source = ((at + 0.5) * side / size).floor()
    inside = (at >= 0) & (at < size)
    return ((source[:, :, None] == torch.arange(side, device=fraction.device)) & inside[:, :, None]).to(fraction)
