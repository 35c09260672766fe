"""The networks of the zoo: trained in seconds on small images, with a split and weights of their own for every seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import epsball as eb
from epsball.training.objectives import adversarial
from epsball.training.recipe import Recipe
from lying_models import straight_through
from suite_networks import Winners

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.models.model import Model

EPS = 0.11
TEST = 1_000
TRAIN = 3_000

Images = tuple[Tensor, Tensor]


def soft(teacher: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """What a teacher answers, in place of labels."""

    def wanted(x: Tensor, _: Tensor) -> Tensor:
        return teacher(x).softmax(1).detach()

    return wanted


def fitted(
    net: nn.Sequential,
    data: Images,
    *,
    seed: int,
    epochs: int,
    wanted: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> nn.Sequential:
    """Train by cross entropy, and return it frozen in evaluation mode."""
    draw = torch.Generator().manual_seed(seed)
    x, y = data
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(x), generator=draw), 64):
            adam.zero_grad()
            target = y[rows] if wanted is None else wanted(x[rows], y[rows])
            F.cross_entropy(net(x[rows]), target).backward()  # type: ignore[no-untyped-call] # as torch declares it
            adam.step()
    return net.eval().requires_grad_(requires_grad=False)


class Step(nn.Module):
    """Units that are on or off; trained with the gradient of a clipped line, and without one afterwards."""

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, …) -> the same at 0 or 1."""
        on = (x > 0).to(x)
        return straight_through(x.clamp(-1, 1) / 2, on) if self.training else on


class Thermometer(nn.Module):
    """Every pixel as `levels` channels, each on where the pixel exceeds its threshold.  Buckman et al. 2018."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.threshold = ((torch.arange(levels) + 0.5) / levels)[:, None, None]

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 1, H, W) -> (N, levels, H, W)."""
        return (x > self.threshold).to(x)


class Patches(nn.Module):
    """Images as a sequence of patches of 2 × 2 pixels, each embedded, with its place."""

    def __init__(self, side: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, width, 2, 2)
        self.place = nn.Parameter(0.02 * torch.randn(1, (side // 2) ** 2, width))

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 1, H, W) -> tokens (N, H W / 4, width)."""
        tokens: Tensor = self.embed(x).flatten(2).transpose(1, 2) + self.place
        return tokens


class Mean(nn.Module):
    """The mean token."""

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (N, T, width) -> (N, width)."""
        return x.mean(1)


def mlp(width: int = 64, classes: int = 10, unit: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """Three linear layers; a place behind each of the first two."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(width, 128), unit(), nn.Linear(128, 64), unit(), nn.Linear(64, classes)
    )


def cnn(channels: int = 1, unit: Callable[[], nn.Module] = nn.ReLU, between: nn.Module | None = None) -> nn.Sequential:
    """Two convolutions and a linear layer for 28 × 28 pixels."""
    first = nn.Conv2d(channels, 8, 5, 2, 2)
    behind = [] if between is None else [between]
    return nn.Sequential(
        first, *behind, unit(), nn.Conv2d(8, 16, 5, 2, 2), unit(), nn.Flatten(), nn.Linear(16 * 49, 10)
    )


def transformer(side: int = 8, width: int = 32) -> nn.Sequential:
    """Two blocks of attention over patches."""
    block = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
    return nn.Sequential(
        Patches(side, width), nn.TransformerEncoder(block, 2, enable_nested_tensor=False), Mean(), nn.Linear(width, 10)
    )


@dataclass(frozen=True)
class Stock:
    """All networks of one seed, each trained when it is first wanted."""

    seed: int

    def made(self, make: Callable[[], nn.Sequential]) -> nn.Sequential:
        """A network with initial weights of this seed."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            return make()

    def split(self, name: str) -> tuple[Images, Images]:
        """A split of a data set that depends on the seed: to train on, and 1,000 rows to test."""
        parts = [eb.load_data(name, split=part) for part in ("train", "test")]
        x, y = (torch.cat(both) for both in zip(*parts, strict=True))
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(self.seed))
        test, train = order[:TEST], order[TEST : TEST + TRAIN]
        return (x[train], y[train]), (x[test], y[test])

    @cached_property
    def digits(self) -> tuple[Images, Images]:
        """Scikit-learn's digits, 8 × 8."""
        return self.split("digits")

    @cached_property
    def mnist(self) -> tuple[Images, Images]:
        """Digits of MNIST, 28 × 28."""
        return self.split("mnist-5k")

    def test(self, data: str) -> Images:
        """The rows to evaluate on."""
        if data == "triples":
            return self.triples
        x, y = (self.digits if data in {"digits", "parity"} else self.mnist)[1]
        return (x, y % 2) if data == "parity" else (x, y)

    @cached_property
    def triples(self) -> Images:
        """Three digits side by side, as one number of 1,000."""
        x, y = self.digits[1]
        rows = torch.randint(len(x), (TEST, 3), generator=torch.Generator().manual_seed(self.seed))
        return x[rows].squeeze(2).transpose(1, 2).flatten(2).unsqueeze(1), y[rows] @ torch.tensor([100, 10, 1])

    def small(
        self, make: Callable[[], nn.Sequential], wanted: Callable[[Tensor, Tensor], Tensor] | None = None
    ) -> nn.Sequential:
        """A network trained on the digits of 8 × 8."""
        return fitted(self.made(make), self.digits[0], seed=self.seed, epochs=40, wanted=wanted)

    def large(
        self, make: Callable[[], nn.Sequential], wanted: Callable[[Tensor, Tensor], Tensor] | None = None
    ) -> nn.Sequential:
        """A network trained on those of 28 × 28."""
        return fitted(self.made(make), self.mnist[0], seed=self.seed, epochs=6, wanted=wanted)

    @cached_property
    def mlp(self) -> nn.Sequential:
        """The standard network of the small images."""
        return self.small(mlp)

    @cached_property
    def cnn(self) -> nn.Sequential:
        """The standard network of the large ones."""
        return self.large(cnn)

    @cached_property
    def other(self) -> nn.Sequential:
        """A second standard network of the large images."""
        return fitted(Stock(self.seed + 100).made(cnn), self.mnist[0], seed=self.seed, epochs=6)

    @cached_property
    def normed(self) -> nn.Sequential:
        """With batch normalisation behind the first convolution."""
        return self.large(lambda: cnn(between=nn.BatchNorm2d(8)))

    @cached_property
    def steps(self) -> nn.Sequential:
        """With units that are on or off."""
        return self.small(lambda: mlp(unit=Step))

    def winners(self, part: float, *, large: bool) -> nn.Sequential:
        """With only that part of the features of every layer, the largest."""
        unit = lambda: Winners(part)  # noqa: E731 - handed on
        return self.large(lambda: cnn(unit=unit)) if large else self.small(lambda: mlp(unit=unit))

    def hardened(self, *, large: bool) -> Model:
        """Trained on PGD with seven steps."""
        objective = adversarial(eb.PGD(steps=7, first=0.36, rate=0.36), eb.Threat("linf", EPS))
        net, data = (self.made(cnn), self.mnist[0]) if large else (self.made(mlp), self.digits[0])
        recipe = Recipe(epochs=6 if large else 30)
        return eb.fit(eb.wrap(net), data, recipe, objective=objective, seed=self.seed, progress=lambda *_: None).model
