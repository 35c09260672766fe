"""Small models with known answers, inputs and threats to hold attacks to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from epsball.goal import Goal
from epsball.models.wrap import wrap
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.attacks.base import Attack
    from epsball.geometry import Norm

Net = TypeVar("Net", bound=nn.Module)

SHAPE, CLASSES, N = (1, 6, 6), 4, 12


class Affine(nn.Module):
    """Logits W (x - 1/2) + b in float64, whose nearest boundaries are known exactly."""

    def __init__(self, classes: int = CLASSES, seed: int = 0) -> None:
        super().__init__()
        generator, size = torch.Generator().manual_seed(seed), math.prod(SHAPE)
        weight = 20 * torch.randn(classes, size, generator=generator, dtype=torch.float64) / size
        self.weight: nn.Parameter = nn.Parameter(weight)
        self.bias: nn.Parameter = nn.Parameter(0.02 * torch.randn(classes, generator=generator, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of x `(N, 1, 6, 6)`."""
        return (x.flatten(1) - 0.5).to(self.weight) @ self.weight.T + self.bias

    def distance(self, x: Tensor, y: Tensor, norm: Norm) -> Tensor:
        """Return the distance of each input to its nearest boundary where nothing is clipped, `(N,)`."""
        z = self(x).detach()
        gaps = z.gather(1, y[:, None]) - z
        slopes = torch.stack([norm.dual(self.weight.detach()[y] - row) for row in self.weight.detach()], 1)
        ratio = torch.where(slopes > 0, gaps / slopes.clamp_min(torch.finfo(z.dtype).tiny), torch.inf)
        return ratio.scatter(1, y[:, None], torch.inf).amin(1)


class Curved(nn.Module):
    """Two layers with batch norm and dropout: all that a careless attack disturbs."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            size = math.prod(SHAPE)
            self.net: nn.Module = nn.Sequential(
                nn.Flatten(),
                nn.Linear(size, 24),
                nn.BatchNorm1d(24),
                nn.ReLU(),
                nn.Dropout(0.5),
                nn.Linear(24, CLASSES),
            ).double()

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of x `(N, 1, 6, 6)`."""
        out: Tensor = 8 * self.net(x.double())
        return out


class Recorder(nn.Module):
    """A network that keeps every input it was asked about."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.points: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """Return what the network says of `x` `(N, …)`."""
        self.points.append(x.detach().clone())
        out: Tensor = self.net(x)
        return out


def problem(
    attack: Attack, model: Net, at: torch.device, dtype: torch.dtype = torch.float64, *, middle: bool = False
) -> tuple[Net, Tensor, Tensor]:
    """A model, inputs `(N, 1, 6, 6)` and its decisions, none of which is a class that the attack aims at."""
    unit = torch.rand(4 * N, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = (0.45 + 0.1 * unit if middle else unit).to(at, dtype)
    model = model.to(at)
    with torch.no_grad():
        y = wrap(model)(x).argmax(1)
    kept = torch.tensor([label not in attack.aims_at for label in y.tolist()]).nonzero().squeeze(1)[:N].to(at)
    return model, x[kept], y[kept]


def another(label: Tensor, attack: Attack) -> int:
    """Return a class that is neither `label` nor aimed at."""
    return next(k for k in range(CLASSES) if k != int(label) and k not in attack.aims_at)


def goal_for(y: Tensor, *, targeted: bool) -> Goal:
    """Return the goal of leaving `y` `(N,)`, or of reaching the class after it."""
    return Goal((y + 1) % CLASSES, targeted=True) if targeted else Goal(y)


def threat_for(attack: Attack, norm: str) -> Threat:
    """Return the threat in which an attack of any norm finds some errors of these models and not all."""
    size = math.prod(SHAPE)
    budgets = {"linf": 0.1, "l2": 0.09 * size**0.5, "l1": 0.08 * size, "l0": max(1.0, size // 8)}
    return Threat(norm) if attack.minimum_norm else Threat(norm, budgets[norm])
