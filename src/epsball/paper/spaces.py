"""The spaces that the paper's networks took their inputs from, and a network of pixels as it is seen from there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from epsball.geometry import Norm, l2
from epsball.models.wrap import wrap
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.models.model import Model

PIXELS = "pixels"
_IMAGES, _FAR = (0.0, 1.0), (-1000.0, 1000.0)
_LEAST_CONTRAST = 40 / 255
_LEAST_SPREAD = 10 / 255


@dataclass(frozen=True, eq=False)
class Space:
    """An affine map of images; with a `contrast` each then loses its own mean and is brought to that contrast before the matrix.

    Args:
        name: for tables.
        centre: subtracted, `(1, C, H, W)`.
        matrix: multiplied to the flat image, `(d, d)`; None for the identity.
        contrast: the standard deviation that images get, those below 40/255 less; None to leave them as they are.
        boxed: whether attackers stay among images, in [0, 1]; the paper clips nothing.
    """

    name: str
    centre: Tensor
    matrix: Tensor | None = None
    contrast: float | None = None
    boxed: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """Return images `(N, C, H, W)` in this space, `(N, d)`."""
        flat = (x - self.centre).double().flatten(1)
        if self.contrast is not None:
            flat = _levelled(flat) / self._unit(x)
        return flat if self.matrix is None else flat @ self.matrix

    def view(self, model: Model, x: Tensor) -> View:
        """Return what an attacker sees who measures in this space, for images `(N, C, H, W)`.

        An image's own mean and contrast are constants of its preprocessing: they scale lengths and turn no direction.
        """
        there = self(x) * self._unit(x)
        if self.matrix is None:
            return View(model, x, there, *(_IMAGES if self.boxed else _FAR))
        seen = Unmapped(model, torch.linalg.inv(self.matrix).to(x.dtype), x.shape[1:])
        return View(wrap(seen), (x.double().flatten(1) @ self.matrix).to(x.dtype).reshape(x.shape), there, *_FAR)

    def _unit(self, x: Tensor) -> Tensor:
        """By what each image is divided, `(N, 1)`."""
        flat = (x - self.centre).double().flatten(1)
        return torch.ones_like(flat[:, :1]) if self.contrast is None else _spread(flat) / self.contrast


@dataclass(frozen=True, eq=False)
class View:
    """A classifier and images in the coordinates of a space.

    Args:
        model: of these coordinates.
        x: the images in them, `(N, C, H, W)`.
        there: T(x) in the unit of these coordinates, `(N, d)`.
        low: smallest value allowed.
        high: largest value allowed.
    """

    model: Model
    x: Tensor
    there: Tensor
    low: float
    high: float

    def __getitem__(self, rows: slice | Tensor) -> View:
        """Return the view of some of the images."""
        return View(self.model, self.x[rows], self.there[rows], self.low, self.high)

    def threat(self, norm: Norm) -> Threat:
        """Return the threat of an attack that looks for the nearest error."""
        return Threat(norm, math.inf, self.low, self.high)

    def rho(self, found: Tensor, norm: Norm = l2) -> Tensor:
        """Return |r| / |T(x)| of images found in these coordinates, `(N,)`."""
        return norm((found - self.x).double()) / norm(self.there)

    def pixels(self, found: Tensor) -> Tensor:
        """Return images found in these coordinates as pixels."""
        return self.model.net.pixels(found) if isinstance(self.model.net, Unmapped) else found


def pixels(like: Tensor) -> Space:
    """The images as they are, and attackers who stay among them."""
    return Space(PIXELS, torch.zeros_like(like[:1]), boxed=True)


def centred(train: Tensor) -> Space:
    """Without the mean image of the training set: the paper's space on MNIST."""
    return Space("mean image subtracted", train.mean(0, keepdim=True))


def whitened(train: Tensor) -> Space:
    """Mean image subtracted, contrast-normalised and whitened as by the toolbox of the paper's networks: the space on CIFAR-10.

    Contrast: z n̄ / max(n, 40/255), n the image's standard deviation and n̄ the mean one. Whitening, with the covariance U Λ Uᵀ of
    the result: W = U (λ̄ / max(Λ, (10/255)²))^(1/2) Uᵀ, λ̄ the mean eigenvalue.
    """
    centre = train.mean(0, keepdim=True)
    flat = _levelled((train - centre).double().flatten(1))
    contrast = flat.std(1).mean().item()
    flat = flat * (contrast / _spread(flat))
    values, vectors = torch.linalg.eigh(flat.T @ flat / len(flat))
    values = values.clamp_min(0)
    scale = (values.mean() / values.clamp_min(_LEAST_SPREAD**2)).sqrt()
    return Space("contrast-normalised and whitened", centre, vectors @ torch.diag(scale) @ vectors.T, contrast)


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
        self.net: nn.Module | None = model.module
        self.model: Model = model
        self.shape: torch.Size = shape
        self.register_buffer("inverse", inverse)

    def forward(self, x: Tensor) -> Tensor:
        """Return the classifier's logits, `(N, K)`."""
        return self.model(self.pixels(x))

    def pixels(self, x: Tensor) -> Tensor:
        """Return the images as pixels, `(N, C, H, W)`."""
        return (x.flatten(1) @ self.inverse).reshape(-1, *self.shape)


def _levelled(flat: Tensor) -> Tensor:
    """Each row without its mean."""
    return flat - flat.mean(1, keepdim=True)


def _spread(flat: Tensor) -> Tensor:
    """The standard deviation of each row, or 40/255 where that is larger, `(N, 1)`."""
    return flat.std(1, keepdim=True).clamp_min(_LEAST_CONTRAST)
