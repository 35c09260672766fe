"""The spaces that the paper's networks took their inputs from, and a network of pixels as it is seen from there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from epsball.geometry import Norm, l2
from epsball.models.wrap import Model, wrap
from epsball.threat import Threat

_FAR = (-100.0, 100.0)
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

    def view(self, model: Model, x: Tensor) -> View:
        """Return what an attacker sees who measures in this space, for images `(N, C, H, W)`.

        An image's own mean and contrast are constants of its preprocessing: they scale lengths and turn no direction.
        """
        flat = x.double().flatten(1)
        length = l2(self(x)) * (_contrast(flat).squeeze(1) if self.contrast else 1)
        if self.matrix is None:
            return View(model, x, length, 0.0, 1.0)
        seen = Unmapped(model, torch.linalg.inv(self.matrix).to(x.dtype), x.shape[1:])
        return View(wrap(seen), (flat @ self.matrix).to(x.dtype).reshape(x.shape), length, *_FAR)


@dataclass(frozen=True, eq=False)
class View:
    """A classifier and images in the coordinates of a space.

    Args:
        model: of these coordinates.
        x: the images in them, `(N, C, H, W)`.
        length: |T(x)| in these coordinates, `(N,)`.
        low: smallest value allowed.
        high: largest value allowed.
    """

    model: Model
    x: Tensor
    length: Tensor
    low: float
    high: float

    def __getitem__(self, rows: slice) -> View:
        """Return the view of some of the images."""
        return View(self.model, self.x[rows], self.length[rows], self.low, self.high)

    def threat(self, norm: Norm) -> Threat:
        """Return the threat of an attack that looks for the nearest error."""
        return Threat(norm, math.inf, self.low, self.high)

    def rho(self, found: Tensor) -> Tensor:
        """Return |r| / |T(x)| in l2 of images found in these coordinates, `(N,)`."""
        return l2((found - self.x).double()) / self.length

    def pixels(self, found: Tensor) -> Tensor:
        """Return images found in these coordinates as pixels."""
        return self.model.net.pixels(found) if isinstance(self.model.net, Unmapped) else found


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


class Unmapped(nn.Module):
    """A classifier of pixels, of images that a matrix has been multiplied to.

    Args:
        model: of pixels.
        inverse: of the matrix, `(d, d)`.
        shape: of an image.
    """

    inverse: Tensor

    def __init__(self, model: Model, inverse: Tensor, shape: torch.Size) -> None:
        super().__init__()
        self.net, self.model, self.shape = model.module, model, shape
        self.register_buffer("inverse", inverse)

    def forward(self, x: Tensor) -> Tensor:
        """Return the classifier's logits, `(N, K)`."""
        return self.model(self.pixels(x))

    def pixels(self, x: Tensor) -> Tensor:
        """Return the images as pixels, `(N, C, H, W)`."""
        return (x.flatten(1) @ self.inverse).reshape(-1, *self.shape)


def _contrast(flat: Tensor) -> Tensor:
    """The standard deviation of each row, or 1/100 where that is larger, `(N, 1)`."""
    return flat.std(1, keepdim=True).clamp_min(0.01)


def _normalised(flat: Tensor) -> Tensor:
    """Each row without its mean, divided by its contrast."""
    return (flat - flat.mean(1, keepdim=True)) / _contrast(flat)
