"""ρ in pixels and in the space the paper's networks took their inputs from: without the mean image, or whitened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.geometry import l2

if TYPE_CHECKING:
    from torch import Tensor

_IMAGES = 10_000
_RIDGE = 0.1


@dataclass(frozen=True, eq=False)
class Space:
    """An affine map of images, after dividing each by its own contrast where `contrast` says so.

    Args:
        name: for tables.
        centre: subtracted, `(1, C, H, W)`.
        matrix: multiplied to the flat image, `(d, d)`; None for the identity.
        contrast: whether each image loses its own mean and is divided by its own standard deviation first.
    """

    name: str
    centre: Tensor
    matrix: Tensor | None = None
    contrast: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """Return images `(N, C, H, W)` in this space, `(N, d)`."""
        flat = x.double().flatten(1)
        if self.contrast:
            flat = _normalised(flat)
        flat = flat - self.centre.double().flatten(1)
        return flat if self.matrix is None else flat @ self.matrix

    def rho(self, found: Tensor, x: Tensor) -> Tensor:
        """Return |T(found) - T(x)| / |T(x)| in l2, `(N,)`."""
        start = self(x)
        return l2(self(found) - start) / l2(start)


def pixels(like: Tensor) -> Space:
    """The images as they are."""
    return Space("pixels", torch.zeros_like(like[:1]))


def centred(train: Tensor) -> Space:
    """Without the mean image of the training set: the paper's space on MNIST."""
    return Space("mean image subtracted", train.mean(0, keepdim=True))


def whitened(train: Tensor) -> Space:
    """Contrast-normalised and ZCA-whitened: the paper's space on CIFAR-10.

    W = U (Λ + 0.1)^(-1/2) Uᵀ of the covariance of the first 10,000 contrast-normalised training images, 0.1 being the usual ridge.
    """
    flat = _normalised(train[:_IMAGES].double().flatten(1))
    centre = flat.mean(0, keepdim=True)
    covariance = (flat - centre).T @ (flat - centre) / len(flat)
    values, vectors = torch.linalg.eigh(covariance)
    return Space(
        "contrast-normalised and whitened",
        centre,
        vectors @ torch.diag((values + _RIDGE).rsqrt()) @ vectors.T,
        contrast=True,
    )


def _normalised(flat: Tensor) -> Tensor:
    """Each row without its mean, divided by its standard deviation or by 1/100 where that is larger."""
    return (flat - flat.mean(1, keepdim=True)) / flat.std(1, keepdim=True).clamp_min(0.01)
