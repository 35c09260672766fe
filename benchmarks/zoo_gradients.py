"""Broken models whose gradients vanish, stop, or are not the derivative: saturation, five kinds of killers, quantisers, JPEG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lying_models import jpeg, levels
from zoo_models import END, NO_GRADIENT, NONE_AT_ALL, broken, placed, some
from zoo_networks import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from lying_models import Net
    from zoo_networks import Stock


def hooked(backward: Callable[[Tensor], Tensor]) -> Net:
    """The identity with a hook on its gradient."""

    def layer(x: Tensor) -> Tensor:
        y = x.clone()
        if y.requires_grad:
            y.register_hook(backward)  # type: ignore[no-untyped-call] # as torch declares it
        return y

    return layer


# Saturated.
placed("logits times 100", "saturated", ("D04 WARN",), lambda z: 100 * z, at=END)
placed("logits times 10,000", "saturated", ("D04 WARN",), lambda z: 1e4 * z, at=END, large=True)
placed("softmax of logits times 30", "saturated", ("D04",), lambda z: (30 * z).softmax(1), at=END, outputs="probs")
placed(
    "softmax of logits times 100",
    "saturated",
    ("D04",),
    lambda z: (100 * z).softmax(1),
    at=END,
    large=True,
    outputs="probs",
)


@broken("hidden sigmoids of features times 1,000", "saturated", "digits", NO_GRADIENT)
def _steep(stock: Stock) -> tuple[Net, Net]:
    steep = nn.Sequential(*[Steep(1000.0) if isinstance(layer, Step) else layer for layer in stock.steps])
    return steep, nn.Sequential(*[Steep(4.0) if isinstance(layer, Step) else layer for layer in stock.steps])


class Steep(nn.Module):
    """A sigmoid of features times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, …) -> (N, …)."""
        return (self.factor * x).sigmoid()


# Gradient killers: detached.
placed(
    "seven pixels in eight detached",
    "detach",
    ("D05",),
    lambda x: torch.where(some(x, 1 / 8), x, x.detach()),
    at=0,
)
placed(
    "three features in four detached",
    "detach",
    ("D05",),
    lambda h: torch.where(some(h, 1 / 4), h, h.detach()),
    at=2,
    large=True,
)
placed(
    "every second hidden feature detached",
    "detach",
    ("D05",),
    lambda h: torch.where(some(h, 1 / 2), h, h.detach()),
    at=3,
)
placed("the image detached", "detach", NONE_AT_ALL, lambda x: x.detach(), at=0, large=True)


# Gradient killers: a part without gradients.
def without(net: Net, x: Tensor) -> Tensor:
    """A network's answer, without gradients."""
    with torch.no_grad():
        return net(x)


@broken("the mean of two networks, nine tenths of it without gradients", "no_grad", "mnist", ("D05",))
def _two(stock: Stock) -> tuple[Net, Net]:
    one, two = stock.cnn, stock.other
    return lambda x: 0.9 * without(one, x) + 0.1 * two(x), lambda x: 0.9 * one(x) + 0.1 * two(x)


@broken("five classes of ten without gradients", "no_grad", "digits", NO_GRADIENT)
def _five(stock: Stock) -> tuple[Net, Net]:
    net = stock.mlp
    return lambda x: torch.cat((without(net, x)[:, :5], net(x)[:, 5:]), 1), net


@broken("the first layer without gradients, and a hint of the image", "no_grad", "digits", ("D05",))
def _hint(stock: Stock) -> tuple[Net, Net]:
    net = stock.mlp
    slope = torch.randn(64, 64, generator=torch.Generator().manual_seed(stock.seed))
    return lambda x: net[4:](without(net[:4], x) + 1e-3 * x.flatten(1) @ slope), net


# Gradient killers: rounding.
placed("features rounded to 1/2", "rounding", NO_GRADIENT, lambda h: levels(h, 2), at=3)
placed("logits rounded to 1/10", "rounding", NO_GRADIENT, lambda z: levels(z, 10), at=END, large=True)
placed(
    "seven channels of eight rounded to 1/4",
    "rounding",
    ("D05",),
    lambda h: torch.cat((h[:, :1], levels(h[:, 1:], 4)), 1),
    at=2,
    large=True,
)


# Gradient killers: where, and clipping.
def clipped(z: Tensor) -> Tensor:
    """Clipped at 2, with a thousandth of the order that is lost."""
    above = (z - 2).clamp_min(0)
    return z - above + 1e-3 * above.detach()


placed("logits clipped at 2", "where", NO_GRADIENT, clipped, at=END)
placed("pixels below 1/20 taken as 0", "where", ("D05",), lambda x: torch.where(20 * x < 1, 0 * x, x), at=0, large=True)
placed("contrast stretched by a tenth", "where", ("D05",), lambda x: (1.1 * x - 0.05).clamp(0, 1), at=0, large=True)
placed("pixels on or off", "where", NO_GRADIENT, lambda x: torch.where(2 * x > 1, 0 * x + 1, 0 * x), at=0)


@broken("hidden units on or off", "where", "digits", NONE_AT_ALL)
def _units(stock: Stock) -> tuple[Net, Net]:
    return stock.steps, nn.Sequential(*[Steep(4.0) if isinstance(layer, Step) else layer for layer in stock.steps])


# Gradient killers: hooks.
placed("a hook that returns zeros", "hook", ("D04",), hooked(torch.zeros_like), at=2, large=True)
placed("a hook that keeps one pixel in twenty", "hook", ("D05",), hooked(lambda g: g * some(g, 0.05)), at=0)
placed("a hook that turns every second sign", "hook", ("D05",), hooked(lambda g: g.where(some(g, 1 / 2), -g)), at=3)
placed("a hook that divides by 10⁴²", "hook", ("D04",), hooked(lambda g: g * 1e-21 * 1e-21), at=2, large=True)

# Quantisers.
placed("2-bit images", "quantiser", NO_GRADIENT, lambda x: levels(x, 3), at=0)
placed("4-bit images", "quantiser", NO_GRADIENT, lambda x: levels(x, 15), at=0, large=True)
placed("3-bit features", "quantiser", NO_GRADIENT, lambda h: levels(h / 4, 7) * 4, at=2, large=True)
placed(
    "every second row in 3 bits",
    "quantiser",
    ("D05",),
    lambda x: torch.where((torch.arange(x.shape[2]) % 2 == 0)[:, None], x, levels(x, 7)),
    at=0,
)


# JPEG.
def blocks(x: Tensor, quality: float) -> Tensor:
    """`jpeg` of every block of 8 × 8 pixels of images of 28 × 28."""
    n = len(x)
    padded = F.pad(x, (2, 2, 2, 2)).unfold(2, 8, 8).unfold(3, 8, 8).reshape(-1, 1, 8, 8)
    coded = jpeg(padded, quality).reshape(n, 1, 4, 4, 8, 8).transpose(3, 4).reshape(n, 1, 32, 32)
    return coded[..., 2:-2, 2:-2]


def pillow(x: Tensor, quality: int) -> Tensor:
    """Every image written as JPEG by Pillow and read again, without a gradient."""
    from PIL import Image  # noqa: PLC0415 (only here)

    def once(image: Tensor) -> Tensor:
        stored = io.BytesIO()
        pixels = (255 * image.detach().clamp(0, 1)).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(stored, "JPEG", quality=quality)
        return torch.from_numpy(np.array(Image.open(stored))).to(x) / 255

    return torch.stack([once(image[0])[None] for image in x])


placed("JPEG of an image of 8 pixels", "JPEG", NO_GRADIENT, jpeg, at=0)
placed("JPEG of blocks", "JPEG", NO_GRADIENT, lambda x: blocks(x, 0.15), at=0, large=True)
placed("JPEG of Pillow, quality 30", "JPEG", NONE_AT_ALL, lambda x: pillow(x, 30), at=0, large=True)
placed(
    "JPEG of blocks on nine tenths of the contrast",
    "JPEG",
    ("D05",),
    lambda x: 0.1 * x + 0.9 * blocks(x, 0.15),
    at=0,
    large=True,
)
