"""Broken models whose answers are no function of the image alone, or not what they are said to be: draws, batches, probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lying_models import behind
from zoo_models import END, REFUSED, broken, placed

if TYPE_CHECKING:
    from lying_models import Net
    from zoo_networks import Stock


# Random.
def resized(x: Tensor, least: int) -> Tensor:
    """Shrunk to a random size, and padded at random.  Xie et al. 2017, arXiv:1711.01991."""
    side = x.shape[-1]
    size = int(torch.randint(least, side + 1, ()))
    left, top = (int(torch.randint(0, side - size + 1, ())) for _ in range(2))
    small = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    return F.pad(small, (left, side - size - left, top, side - size - top))


placed("resized at random to 24 to 28 pixels", "random resize", ("D02",), lambda x: resized(x, 24), at=0, large=True)
placed("resized at random to 7 or 8 pixels", "random resize", ("D02",), lambda x: resized(x, 7), at=0)
placed(
    "moved at random by a pixel", "random resize", ("D02",),
    lambda x: x.roll(tuple(torch.randint(-1, 2, (2,)).tolist()), (2, 3)), at=0, large=True,
)  # fmt: skip
placed("dropout of half of the hidden features", "dropout", ("D02",), lambda h: F.dropout(h, 0.5), at=3)
placed("dropout of one pixel in a hundred", "dropout", ("D02",), lambda x: F.dropout(x, 0.01), at=0, large=True)


class AlwaysOn(nn.Dropout):
    """Dropout that stays on in evaluation mode, as for Monte-Carlo dropout."""

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, …) -> (N, …)."""
        return F.dropout(x, self.p, training=True)


placed("Monte-Carlo dropout as a layer", "dropout", ("D02",), AlwaysOn(0.2), at=2, large=True)
placed("noise on the image", "noise", ("D02",), lambda x: x + 0.1 * torch.randn_like(x), at=0, large=True)
placed("noise on the logits", "noise", ("D02",), lambda z: z + 0.5 * torch.randn_like(z), at=END)
placed("a hundredth of noise on the features", "noise", ("D02",), lambda h: h * (1 + 0.01 * torch.randn_like(h)), at=3)
placed(
    "one draw for the whole batch", "noise", ("D02",), lambda z: z + 0.3 * torch.randn(z.shape[1]), at=END, large=True
)


# Depends on the batch.
def standardised(h: Tensor) -> Tensor:
    """Normalised by statistics of the batch."""
    over = [d for d in range(h.ndim) if d != 1]
    return (h - h.mean(over, keepdim=True)) / (h.var(over, unbiased=False, keepdim=True) + 1e-5).sqrt()


class Stuck(nn.BatchNorm2d):
    """Batch normalisation that ignores evaluation mode."""

    def train(self, mode: bool = True) -> Stuck:  # noqa: FBT001, FBT002 (torch's signature)
        """Stay in training mode."""
        del mode
        super().train(mode=True)
        return self


@broken("batch normalisation that stays in training mode", "batch norm", "mnist", ("D03",))
def _stuck(stock: Stock) -> tuple[Net, Net]:
    net = stock.normed
    own = Stuck(8)
    own.load_state_dict(net[1].state_dict())
    return behind(nn.Sequential(net[0], own), net[2:]), net


@broken("batch normalisation without running statistics", "batch norm", "mnist", ("D03",))
def _untracked(stock: Stock) -> tuple[Net, Net]:
    net = stock.normed
    own = nn.BatchNorm2d(8, track_running_stats=False)
    own.load_state_dict(net[1].state_dict(), strict=False)
    return behind(nn.Sequential(net[0], own), net[2:]), net


@broken("batch normalisation called in training mode", "batch norm", "mnist", ("D03",))
def _called(stock: Stock) -> tuple[Net, Net]:
    net, norm = stock.normed, cast("nn.BatchNorm2d", stock.normed[1])
    return lambda x: net[2:](F.batch_norm(net[0](x), None, None, norm.weight, norm.bias, training=True)), net


placed("logits less the mean of the batch", "batch-dependent", ("D03",), lambda z: z - z.mean(0), at=END)
placed(
    "features with a tenth of the batch's mean",
    "batch-dependent",
    ("D03",),
    lambda h: 0.9 * h + 0.1 * h.mean(0),
    at=2,
    large=True,
)
placed("the image as bright as the batch", "batch-dependent", ("D03",), lambda x: x * 0.3 / x.mean(), at=0)
placed(
    "hidden features normalised over the batch", "batch-dependent", ("D03",), lambda h: h + 0.05 * standardised(h), at=3
)

# Probabilities as logits.
placed("softmax", "probabilities", ("D01", REFUSED), lambda z: z.softmax(1), at=END)
placed("softmax of logits times 5", "probabilities", ("D01", REFUSED), lambda z: (5 * z).softmax(1), at=END, large=True)


@broken("the mean probability of two networks", "probabilities", "mnist", ("D01", REFUSED))
def _mean(stock: Stock) -> tuple[Net, Net]:
    one, two = stock.cnn, stock.other
    return lambda x: (one(x).softmax(1) + two(x).softmax(1)) / 2, lambda x: one(x) + two(x)
